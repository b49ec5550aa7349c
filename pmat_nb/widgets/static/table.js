// A table that sorts, and holds still: fixed widths, fixed row heights, its own scroll area.
// Rows are kept by key, so that focus and open questions outlive an update.

// columns: [{ key, title, width: "12%", kind: "text" | "bytes" | "share" | "count" | "seconds",
//             text(row)?, hint(row)? }]; `hint` is the text on hover, else the full text.
// sort: [key, "ascending" | "descending"] at first.
// actions(now, row): the row's elements (makeButton, makeConfirm(...).element), made once for
// each row; now() is the row as it is when one of them is pressed.
// keyOf(row): what a row is known by. `update(rows)` shows these.
function makeTable({ label, columns, keyOf, sort, actions, actionsWidth = "24%", empty = "none" }) {
  const kept = new Map();
  const headers = new Map();
  const head = make("tr");
  const body = make("tbody");
  const nothing = make("p", { class: "pmat-empty" }, "Not read yet.");
  const table = make(
    "table", { class: "pmat-table", "aria-label": label }, makeColumns(), make("thead", {}, head), body,
  );
  const scroller = make(
    "div", { class: "pmat-scroll", tabindex: 0, role: "region", "aria-label": label }, table, nothing,
  );
  fade(scroller);
  let rows = [];
  let [by, order] = sort ?? [columns[0].key, "ascending"];

  function makeColumns() {
    const group = make("colgroup");
    for (const column of columns) group.append(make("col", { style: `width: ${column.width}` }));
    if (actions) group.append(make("col", { style: `width: ${actionsWidth}` }));
    return group;
  }

  for (const column of columns) {
    const button = make("button", { type: "button", onclick: () => sortBy(column) }, column.title);
    const cell = make("th", { scope: "col", class: `pmat-${column.kind ?? "text"}` }, button);
    headers.set(column.key, cell);
    head.append(cell);
  }
  if (actions) head.append(make("th", { scope: "col" }, make("span", {}, "Actions")));

  function sortBy(column) {
    const numeric = (column.kind ?? "text") !== "text";
    if (by === column.key) order = order === "ascending" ? "descending" : "ascending";
    else [by, order] = [column.key, numeric ? "descending" : "ascending"];
    draw();
  }

  function makeRow(row) {
    const cells = columns.map((column) =>
      make("td", { class: `pmat-${column.kind ?? "text"}` }),
    );
    const element = make("tr", {}, ...cells);
    const made = { element, cells, row };
    if (actions) {
      // What is pressed acts on the row as it is then.
      element.append(make("td", { class: "pmat-actions" }, ...actions(() => made.row, row)));
    }
    return made;
  }

  function fill(made, row) {
    made.row = row;
    columns.forEach((column, at) => {
      const text = cellText(column, row);
      const hint = column.hint ? column.hint(row) : text;
      setText(made.cells[at], text);
      if (made.cells[at].title !== hint) made.cells[at].title = hint;
    });
  }

  function draw() {
    for (const [key, cell] of headers) {
      cell.setAttribute("aria-sort", key === by ? order : "none");
    }
    const sorted = [...rows].sort(comparing(by, order === "ascending" ? 1 : -1));
    const wanted = sorted.map((row) => {
      const key = String(keyOf(row));
      if (!kept.has(key)) kept.set(key, makeRow(row));
      fill(kept.get(key), row);
      return [key, kept.get(key).element];
    });
    const keys = new Set(wanted.map(([key]) => key));
    const heir = heirOfFocus(keys);
    for (const [key, made] of kept) {
      if (keys.has(key)) continue;
      made.element.remove();
      kept.delete(key);
    }
    // Only what is out of place moves: a moved element would lose the focus.
    let place = body.firstChild;
    for (const [, element] of wanted) {
      if (element === place) place = place.nextSibling;
      else body.insertBefore(element, place);
    }
    nothing.hidden = rows.length > 0;
    heir?.focus();
  }

  // Where the row with the focus goes: the same control of the next that stays.
  function heirOfFocus(keys) {
    const held = body.getRootNode().activeElement;
    const going = [...kept].find(([key, made]) => !keys.has(key) && made.element.contains(held));
    if (!going) return null;
    const stays = new Set([...kept].filter(([key]) => keys.has(key)).map(([, made]) => made.element));
    const controls = (element) => [...element.querySelectorAll("button")];
    const at = controls(going[1].element).indexOf(held);
    for (const way of ["nextElementSibling", "previousElementSibling"]) {
      for (let row = going[1].element[way]; row; row = row[way]) {
        if (stays.has(row)) return controls(row)[at];
      }
    }
    return scroller;
  }

  return {
    element: scroller,
    update(newRows) {
      rows = newRows;
      setText(nothing, empty);
      draw();
    },
  };
}

function cellText(column, row) {
  if (column.text) return column.text(row);
  const value = row[column.key];
  if (column.kind === "bytes") return bytesText(value);
  if (column.kind === "share") return shareText(value);
  if (column.kind === "seconds") return secondsText(value);
  if (column.kind === "count") return countText(value);
  return value === null || value === undefined ? "" : String(value);
}

// One for all: comparing by locale with options of its own takes 20 times as long.
const COLLATOR = new Intl.Collator(undefined, { numeric: true });

// Unknown comes last in either order.
function comparing(key, sign) {
  return (left, right) => {
    const [a, b] = [left[key] ?? null, right[key] ?? null];
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * COLLATOR.compare(String(a), String(b));
  };
}
