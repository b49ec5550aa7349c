// The page's side of the messages: orders out, each with a number; answers in.

const WAITS = "waits until the running cell has ended";
const WAITS_AFTER_MS = 700;
// The kernel measures for this page while it hears of it.
const HERE_EVERY_MS = 45000;
// Figures come each second or so; without any it is looked whether the kernel is still there.
const SILENT_MS = 12000;
// So long after a doubt a kernel that is still there has been heard of in the last moments; what
// one that is gone had sent before comes at once.
const DOUBT_MS = 5000;
const LATELY_MS = 3000;

function makeLink(model) {
  const view = newId("view");
  const waiting = new Map();
  const listeners = { panel: [], past: [], lost: [] };
  let next = 1;
  let heard = performance.now();
  let asked = heard;
  let lost = false;
  let doubt = null;

  function received(message) {
    heard = performance.now();
    for (const listener of listeners[message.kind] ?? []) listener(message);
    if (!["done", "refused", "waits"].includes(message.kind)) return;
    // Another view of the same widget has numbers of its own.
    const order = waiting.get(message.number);
    if (!order) return;
    waiting.delete(message.number);
    clearTimeout(order.timer);
    // What waits for the end of a cell comes by itself then.
    order.say(message.kind, message.kind === "waits" ? WAITS : message.text, message.data);
  }
  model.on("msg:custom", received);

  // The kernel that knows this page is gone: nothing that was asked will be answered.
  function lose(how) {
    if (lost) return;
    lost = true;
    clearInterval(here);
    clearTimeout(doubt);
    for (const { timer, say } of waiting.values()) {
      clearTimeout(timer);
      say("lost", "");
    }
    waiting.clear();
    for (const listener of listeners.lost) listener(how);
  }

  function post(content, how = "has ended") {
    try {
      model.send(content);
    } catch {
      lose(how);
    }
  }

  const heardNews = () => {
    heard = performance.now();
  };
  // JupyterLab tells so when the kernel is restarted, but also when only its connection was lost
  // for a moment: who still sends is there. Elsewhere the next message throws.
  const doubted = () => {
    clearTimeout(doubt);
    doubt = setTimeout(() => {
      if (performance.now() - heard > LATELY_MS) lose("was restarted");
    }, DOUBT_MS);
    if (!lost) post({ do: "here", number: `${view}:${next++}`, view }, "was restarted");
  };
  model.on("change:live", heardNews);
  model.on("comm_live_update", doubted);

  // say(kind, text, data) hears "waits" where the kernel does not answer at once, then
  // "done" or "refused"; "lost" where it is gone.
  function send(name, values = {}, say = () => {}) {
    if (lost) {
      say("lost", "");
      return;
    }
    const number = `${view}:${next++}`;
    const timer = setTimeout(() => say("waits", WAITS), WAITS_AFTER_MS);
    waiting.set(number, { name, timer, say });
    post({ ...values, do: name, number, view });
  }

  const isWaiting = (name) => [...waiting.values()].some((order) => order.name === name);
  const here = setInterval(() => {
    const now = performance.now();
    const due = now - heard > SILENT_MS ? SILENT_MS : HERE_EVERY_MS;
    if (now - asked < due || isWaiting("here")) return;
    asked = now;
    send("here");
  }, SILENT_MS / 4);

  return {
    send,
    isWaiting,
    on: (kind, listener) => listeners[kind].push(listener),
    close() {
      clearInterval(here);
      clearTimeout(doubt);
      model.off("msg:custom", received);
      model.off("change:live", heardNews);
      model.off("comm_live_update", doubted);
      for (const order of waiting.values()) clearTimeout(order.timer);
      waiting.clear();
      // The model may be gone before its view.
      if (!lost && model.get("tabs")) post({ do: "gone", view });
    },
  };
}
