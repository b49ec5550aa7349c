// The widget: tabs, and in each what its own file makes.

function render({ model, el }) {
  const link = makeLink(model);
  const made = {};
  const buttons = {};
  const bar = make("div", { role: "tablist", class: "pmat-tabs", "aria-label": "Memory dashboard" });
  const body = make("div", { class: "pmat-body" });
  const root = make("div", { class: "pmat-dashboard" }, bar, body);
  const names = model.get("tabs").map(([name]) => name);

  function open(name) {
    for (const other of names) {
      buttons[other].setAttribute("aria-selected", String(other === name));
      buttons[other].tabIndex = other === name ? 0 : -1;
      made[other].panel.hidden = other !== name;
    }
    made[name].tab.show();
  }

  function moved(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const at = names.findIndex((name) => buttons[name] === event.target);
    if (!(event.key in steps) || at < 0) return;
    const name = names[(at + steps[event.key] + names.length) % names.length];
    buttons[name].focus();
    open(name);
  }

  for (const [name, title] of model.get("tabs")) {
    const tab = TABS[name](model, link);
    const id = `pmat-${name}-${Math.random().toString(36).slice(2)}`;
    const panel = make("div", { role: "tabpanel", id, "aria-label": title, hidden: true }, tab.element);
    made[name] = { tab, panel };
    buttons[name] = make(
      "button",
      { role: "tab", type: "button", "aria-controls": id, onclick: () => open(name) },
      title,
    );
    bar.append(buttons[name]);
    body.append(panel);
  }
  bar.addEventListener("keydown", moved);
  el.append(root);
  open(names[0]);

  return () => {
    for (const { tab } of Object.values(made)) tab.close();
    link.close();
  };
}

export default { render };
