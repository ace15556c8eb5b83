// A list of options, of which any number is chosen: one tab stop, and arrow keys within it.

const PAGE = 8;

export default {
  render({ model, el }) {
    const list = document.createElement("div");
    list.className = "sdanalytics-options";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-multiselectable", "true");
    list.setAttribute("aria-label", model.get("label"));
    // JupyterLab would take the arrows for its cells.
    list.dataset.lmSuppressShortcuts = "true";
    el.append(list);
    let rows = [];
    let active = null;

    function createRow([value, name, meaning]) {
      const row = document.createElement("div");
      row.className = "sdanalytics-option";
      row.dataset.value = value;
      row.setAttribute("role", "option");
      row.setAttribute("aria-label", meaning ? `${name}: ${meaning}` : name);
      const title = document.createElement("span");
      title.textContent = name;
      const note = document.createElement("span");
      note.className = "sdanalytics-meaning";
      note.textContent = meaning;
      row.append(title, note);
      row.addEventListener("click", () => {
        activate(row);
        toggle(row.dataset.value);
      });
      return row;
    }

    function build() {
      const hadFocus = list.contains(document.activeElement);
      const options = new Map(model.get("options").map((option) => [option[0], option]));
      rows = model.get("shown").map((value) => createRow(options.get(value)));
      list.replaceChildren(...rows);
      mark();
      const kept = rows.find((row) => row.dataset.value === active) ?? rows[0];
      if (kept) setStop(kept);
      if (kept && hadFocus) kept.focus();
    }

    function mark() {
      const chosen = new Set(model.get("value"));
      for (const row of rows)
        row.setAttribute("aria-selected", String(chosen.has(row.dataset.value)));
    }

    function setStop(stop) {
      active = stop.dataset.value;
      for (const row of rows) row.tabIndex = row === stop ? 0 : -1;
    }

    function activate(row) {
      setStop(row);
      row.focus();
    }

    function toggle(value) {
      const chosen = new Set(model.get("value"));
      if (!chosen.delete(value)) chosen.add(value);
      model.set("value", [...chosen]);
      model.save_changes();
    }

    function findTarget(key, at) {
      const last = rows.length - 1;
      const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last };
      targets.PageDown = at + PAGE;
      targets.PageUp = at - PAGE;
      return key in targets ? rows[Math.min(Math.max(targets[key], 0), last)] : null;
    }

    list.addEventListener("keydown", (event) => {
      const at = rows.indexOf(document.activeElement);
      if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = findTarget(event.key, at);
      if (target) activate(target);
      else if (event.key === " " || event.key === "Enter") toggle(rows[at].dataset.value);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    model.on("change:options change:shown", build);
    model.on("change:value", mark);
    build();
    return () => model.off("change:options change:shown change:value");
  },
};
