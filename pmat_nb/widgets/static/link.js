// The page's side of the messages: orders out, each with a number; answers in.

const WAITS = "waits until the running cell has ended";
const WAITS_AFTER_MS = 700;
// The kernel measures for this page while it hears of it.
const HERE_EVERY_MS = 45000;
// Figures come each second or so; without any it is looked whether the kernel is still there.
const SILENT_MS = 12000;

function makeLink(model) {
  const view = newId("view");
  const waiting = new Map();
  const listeners = { panel: [], past: [], lost: [] };
  let next = 1;
  let heard = performance.now();
  let asked = heard;
  let lost = false;

  function received(message) {
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
    for (const { timer, say } of waiting.values()) {
      clearTimeout(timer);
      say("lost", "");
    }
    waiting.clear();
    for (const listener of listeners.lost) listener(how);
  }

  function post(content) {
    try {
      model.send(content);
    } catch {
      lose("has ended");
    }
  }

  // JupyterLab's restart ends the model's comm at once; elsewhere the next message throws.
  const heardNews = () => {
    heard = performance.now();
  };
  const restarted = () => lose("was restarted");
  model.on("change:live", heardNews);
  model.on("comm_live_update", restarted);

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
      model.off("msg:custom", received);
      model.off("change:live", heardNews);
      model.off("comm_live_update", restarted);
      for (const order of waiting.values()) clearTimeout(order.timer);
      waiting.clear();
      // The model may be gone before its view.
      if (!lost && model.get("tabs")) post({ do: "gone", view });
    },
  };
}
