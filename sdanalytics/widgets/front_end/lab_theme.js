// Tells the kernel the colours around the picker, and tells again when the theme changes.

const canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const pen = canvas.getContext("2d", { willReadFrequently: true });

function paint(...layers) {
  pen.clearRect(0, 0, 1, 1);
  for (const color of layers) {
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
  }
  return [...pen.getImageData(0, 0, 1, 1).data];
}

function toHex([red, green, blue]) {
  const digits = [red, green, blue].map((part) => part.toString(16).padStart(2, "0"));
  return `#${digits.join("")}`;
}

function findBackground(element) {
  for (let node = element; node; node = node.parentElement) {
    const color = getComputedStyle(node).backgroundColor;
    const [, , , opacity] = paint(color);
    if (opacity > 250) return color;
  }
  return "white";
}

export default {
  render({ model, el }) {
    el.style.display = "none";
    const probe = document.createElement("span");
    probe.className = "sdanalytics-probe";
    el.append(probe);

    function tell() {
      if (!el.isConnected) return;
      const background = findBackground(el.parentElement);
      const style = getComputedStyle(probe);
      model.set("colors", {
        background: toHex(paint(background)),
        text: toHex(paint(background, style.color)),
        faint: toHex(paint(background, style.borderTopColor)),
      });
      model.save_changes();
    }

    // A theme's colours may arrive after its name.
    const tellSoon = () => [0, 150, 600].forEach((wait) => setTimeout(tell, wait));
    const observer = new MutationObserver(tellSoon);
    for (const node of [document.body, document.documentElement])
      observer.observe(node, { attributes: true });
    tellSoon();
    return () => observer.disconnect();
  },
};
