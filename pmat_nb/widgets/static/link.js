// The page's side of the messages: orders out, each with a number; answers in.

const WAITS_AFTER_MS = 700;

function makeLink(model) {
  const waiting = new Map();
  const listeners = { panel: [], past: [] };
  let next = 1;

  function received(message) {
    for (const listener of listeners[message.kind] ?? []) listener(message);
    if (message.kind !== "done" && message.kind !== "refused") return;
    const order = waiting.get(message.id);
    if (!order) return;
    waiting.delete(message.id);
    clearTimeout(order.timer);
    order.settle(message);
  }
  model.on("msg:custom", received);

  // say(state, text) hears "waits" where the kernel does not answer at once, then the answer.
  function send(name, values = {}, say = () => {}) {
    const id = next++;
    const timer = setTimeout(
      () => say("waits", "waits until the running cell has ended"),
      WAITS_AFTER_MS,
    );
    waiting.set(id, { timer, settle: (answer) => say(answer.kind, answer.text) });
    model.send({ ...values, do: name, id });
  }

  return {
    send,
    on: (kind, listener) => listeners[kind].push(listener),
    close() {
      model.off("msg:custom", received);
      for (const order of waiting.values()) clearTimeout(order.timer);
      waiting.clear();
    },
  };
}
