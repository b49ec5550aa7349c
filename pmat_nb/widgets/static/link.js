// The page's side of the messages: orders out, each with a number; answers in.

const WAITS_AFTER_MS = 700;
// The kernel measures for this page while it hears of it.
const HERE_EVERY_MS = 45000;

function makeLink(model) {
  const view = newId("view");
  const waiting = new Map();
  const listeners = { panel: [], past: [] };
  let next = 1;

  function received(message) {
    for (const listener of listeners[message.kind] ?? []) listener(message);
    if (message.kind !== "done" && message.kind !== "refused") return;
    // Another view of the same widget has numbers of its own.
    const order = waiting.get(message.number);
    if (!order) return;
    waiting.delete(message.number);
    clearTimeout(order.timer);
    order.say(message.kind, message.text, message.data);
  }
  model.on("msg:custom", received);

  // say(kind, text, data) hears "waits" where the kernel does not answer at once, then
  // "done" or "refused".
  function send(name, values = {}, say = () => {}) {
    const number = `${view}:${next++}`;
    const timer = setTimeout(
      () => say("waits", "waits until the running cell has ended"),
      WAITS_AFTER_MS,
    );
    waiting.set(number, { name, timer, say });
    model.send({ ...values, do: name, number, view });
  }

  const isWaiting = (name) => [...waiting.values()].some((order) => order.name === name);
  const here = setInterval(() => {
    if (!isWaiting("here")) send("here");
  }, HERE_EVERY_MS);

  return {
    send,
    isWaiting,
    on: (kind, listener) => listeners[kind].push(listener),
    close() {
      clearInterval(here);
      model.off("msg:custom", received);
      for (const order of waiting.values()) clearTimeout(order.timer);
      waiting.clear();
      // The model may be gone before its view.
      if (model.get("tabs")) model.send({ do: "gone", view });
    },
  };
}
