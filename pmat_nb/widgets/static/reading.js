// What the tabs share that the kernel reads for the page: asking, and saying how old it is.

// came(data) fills the tab. Gives { show, close, status }: `status` tells why there is no newer reading.
function makeReading(name, model, link, came) {
  const status = makeMessage();
  const runs = () => Boolean(model.get("live").running);
  let again = null;

  link.on("panel", ({ tab, data, text }) => {
    if (tab !== name) return;
    if (data === null) {
      status.say("refused", text);
      return;
    }
    status.say("", "");
    came(data);
    clearTimeout(again);
    const behind = data.behind_s ?? null;
    // A cell that runs changes the revision when it ends, and the tab is read then.
    again = behind === null || runs() ? null : setTimeout(readAgain, 1000 * behind + 200);
  });
  function readAgain() {
    if (status.element.offsetParent !== null) show();
  }
  function show() {
    link.send("show", { tab: name }, (kind, text) => {
      if (kind !== "done") status.say(kind, text);
    });
  }
  return { show, status: status.element, close: () => clearTimeout(again) };
}

// What became of an order that may take its time: it waits for a cell, or is under way.
function telling(model, message) {
  return (kind, text) => {
    const runs = Boolean(model.get("live").running);
    message.say(kind, kind === "waits" && !runs ? "under way" : text);
  };
}

// For what is read only between cells: when that was, and whether it is out of date.
function asOfText({ at, cell, behind_s: behind }) {
  const when = `as of ${clockText(at)}${cell ? `, after ${cell}` : ""}`;
  return behind === null ? when : `${when}; cells have run since`;
}

function clockText(at) {
  return new Date(at * 1000).toLocaleTimeString("en-GB");
}

function momentText(at) {
  const date = new Date(at * 1000);
  const digits = (value) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), digits(date.getMonth() + 1), digits(date.getDate())].join("-");
  return `${day} ${clockText(at)}`;
}

// Today's by the clock alone.
function shortMomentText(at) {
  const text = momentText(at);
  return text.startsWith(momentText(Date.now() / 1000).slice(0, 10)) ? text.slice(11) : text.slice(5, 16);
}

function signedText(bytes) {
  return bytes > 0 ? `+${bytesText(bytes)}` : bytesText(bytes);
}

function lowerText(bytes, isLower) {
  return `${isLower ? "≥ " : ""}${bytesText(bytes)}`;
}

// A short table that is shown as it comes: titles: [[title, width, kind], ...]; rows of texts
// or elements. Hidden while it has none.
function makeList(label, titles) {
  const body = make("tbody");
  const head = titles.map(([title, , kind]) =>
    make("th", { scope: "col", class: `pmat-${kind ?? "text"}` }, title));
  const table = make(
    "table", { class: "pmat-table pmat-list" },
    make("caption", {}, label),
    make("colgroup", {}, ...titles.map(([, width]) => make("col", { style: `width: ${width}` }))),
    make("thead", {}, make("tr", {}, ...head)), body,
  );
  const element = makeWide(table);
  element.hidden = true;
  return {
    element,
    update(rows) {
      body.replaceChildren(...rows.map((row) => make("tr", {}, ...row.map((one, at) => make(
        "td", { class: `pmat-${titles[at][2] ?? "text"}`, title: typeof one === "string" ? one : false },
        one)))));
      element.hidden = rows.length === 0;
    },
  };
}

// Commands to type, in a line of text: words("next:", ["%pmat_vars"], "lists all").
function words(...parts) {
  return parts.flatMap((part) => [
    Array.isArray(part) ? make("code", {}, part[0]) : part, " ",
  ]);
}
