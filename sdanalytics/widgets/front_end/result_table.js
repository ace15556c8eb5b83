// A table with numbers to sort by, a header and a total that stay in sight.

const PLAIN = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
const FORMATS = {
  count: new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 }),
  number: new Intl.NumberFormat("en-US", PLAIN),
  percent: new Intl.NumberFormat("en-US", { style: "percent", ...PLAIN }),
  change: new Intl.NumberFormat("en-US", {
    style: "percent",
    signDisplay: "exceptZero",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  }),
};

function format(value, kind) {
  if (value === null) return "";
  return kind in FORMATS ? FORMATS[kind].format(value) : String(value);
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" ? b - a : String(a).localeCompare(String(b));
}

function judge(value, column) {
  if (value === null || typeof value !== "number") return "";
  if (column.limit !== null && column.limit !== undefined)
    return value > column.limit ? "bad" : "good";
  if (!column.good || value === 0) return "";
  return Math.sign(value) === column.good ? "good" : "bad";
}

export default {
  render({ model, el }) {
    const region = document.createElement("div");
    region.className = "sdanalytics-table";
    region.tabIndex = 0;
    region.setAttribute("role", "region");
    region.dataset.lmSuppressShortcuts = "true";
    el.append(region);
    let sorted = { column: -1, sign: 1 };
    let stop = 0;

    function createCell(tag, value, column, at) {
      const cell = document.createElement(tag);
      const text = format(value, column.kind);
      const verdict = judge(value, column);
      cell.textContent = text;
      if (column.kind !== "text") cell.classList.add("sdanalytics-number");
      if (column.starts) cell.classList.add("sdanalytics-group-start");
      if (verdict) cell.classList.add(`sdanalytics-${verdict}`);
      if (at === 0) cell.classList.add("sdanalytics-first");
      return cell;
    }

    function createRow(values, columns) {
      const row = document.createElement("tr");
      columns.forEach((column, at) => {
        const cell = createCell(at === 0 ? "th" : "td", values[at], column, at);
        if (at === 0) cell.scope = "row";
        row.append(cell);
      });
      return row;
    }

    function createGroups(columns) {
      const row = document.createElement("tr");
      for (let at = 0; at < columns.length; ) {
        const group = columns[at].group;
        let end = at + 1;
        while (group && end < columns.length && columns[end].group === group) end += 1;
        const cell = document.createElement("th");
        cell.colSpan = end - at;
        cell.textContent = group;
        if (group) cell.scope = "colgroup";
        cell.className = at === 0 ? "sdanalytics-first" : "sdanalytics-group-start";
        row.append(cell);
        at = end;
      }
      return row;
    }

    function createHeader(column, at) {
      const cell = createCell("th", null, column, at);
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.title;
      button.title = column.meaning;
      button.setAttribute("aria-label", `${column.name}: sort`);
      button.tabIndex = at === stop ? 0 : -1;
      button.addEventListener("click", () => sortBy(at));
      cell.scope = "col";
      cell.append(button);
      return cell;
    }

    function sortBy(at) {
      sorted = { column: at, sign: sorted.column === at ? -sorted.sign : 1 };
      fill();
    }

    function setStop(buttons, at) {
      stop = Math.min(Math.max(at, 0), buttons.length - 1);
      buttons.forEach((button, index) => (button.tabIndex = index === stop ? 0 : -1));
      buttons[stop].focus();
    }

    function orderRows(rows) {
      const { column, sign } = sorted;
      if (column < 0) return rows;
      const hasValue = (row) => row[column] !== null;
      const known = rows.filter(hasValue);
      known.sort((a, b) => sign * compare(a[column], b[column]));
      return [...known, ...rows.filter((row) => !hasValue(row))];
    }

    function showOrder(headers) {
      headers.forEach((header, at) => {
        const falls = sorted.sign > 0 === (model.get("content").columns[at].kind !== "text");
        const order = falls ? "descending" : "ascending";
        header.setAttribute("aria-sort", at === sorted.column ? order : "none");
      });
    }

    let headers = [];
    let body = null;

    function fill() {
      const { columns, rows } = model.get("content");
      body.replaceChildren(...orderRows(rows).map((values) => createRow(values, columns)));
      showOrder(headers);
    }

    function build() {
      const { columns, total, label } = model.get("content");
      region.replaceChildren();
      region.hidden = !columns.length;
      if (!columns.length) return;
      sorted = { column: -1, sign: 1 };
      stop = 0;
      region.setAttribute("aria-label", label);
      const table = document.createElement("table");
      const head = table.createTHead();
      if (columns.some((column) => column.group)) head.append(createGroups(columns));
      const names = document.createElement("tr");
      headers = columns.map(createHeader);
      names.append(...headers);
      head.append(names);
      body = table.createTBody();
      fill();
      if (total) table.createTFoot().append(createRow(total, columns));
      region.append(table);
      names.addEventListener("keydown", (event) => {
        const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
        if (!(event.key in steps)) return;
        setStop(headers.map((header) => header.firstChild), stop + steps[event.key]);
        event.preventDefault();
        event.stopPropagation();
      });
    }

    model.on("change:content", build);
    build();
    return () => model.off("change:content");
  },
};
