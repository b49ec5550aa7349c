// The widget: tabs, and in each what its own file makes.

function render({ model, el }) {
  const link = makeLink(model);
  const made = {};
  const buttons = {};
  const bar = make("div", { role: "tablist", class: "pmat-tabs", "aria-label": "Memory dashboard" });
  const body = make("div", { class: "pmat-body" });
  const news = make("p", { class: "pmat-lost", role: "alert" });
  const root = make("div", { class: "pmat-dashboard" }, news, bar, body);
  const names = model.get("tabs").map(([name]) => name);
  let opened = null;
  let revision = null;

  function open(name) {
    for (const other of names) {
      buttons[other].setAttribute("aria-selected", String(other === name));
      buttons[other].tabIndex = other === name ? 0 : -1;
      made[other].panel.hidden = other !== name;
    }
    opened = name;
    revision = model.get("live").revision;
    made[name].tab.show();
  }

  // What was read stays to be looked at; nothing can be done with it.
  function lost(how) {
    setText(news, `The kernel ${how}: run %pmat_dashboard again (after %load_ext pmat_nb).`);
    for (const control of body.querySelectorAll("button, input, select")) {
      if (!control.closest("th")) control.disabled = true;
    }
  }

  // The tab in sight is read again once something has changed, one reading at a time.
  function follow() {
    const now = model.get("live").revision;
    if (opened === null || now === revision || link.isWaiting("show")) return;
    revision = now;
    made[opened].tab.show();
  }

  function moved(event) {
    const at = names.findIndex((name) => buttons[name] === event.target);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
    if (!(event.key in steps) || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const name = names.at(steps[event.key] % names.length);
    buttons[name].focus();
    open(name);
  }

  for (const [name, title] of model.get("tabs")) {
    const tab = TABS[name](model, link);
    const id = newId(name);
    const button = make(
      "button",
      { role: "tab", type: "button", id: `${id}-tab`, "aria-controls": id, onclick: () => open(name) },
      title,
    );
    const panel = make(
      "div", { role: "tabpanel", id, "aria-labelledby": button.id, hidden: true }, tab.element,
    );
    made[name] = { tab, panel };
    buttons[name] = button;
    bar.append(button);
    body.append(panel);
  }
  bar.addEventListener("keydown", moved);
  // What is typed here is no shortcut of the notebook's ("d d" deletes a cell), unless with
  // Ctrl or Cmd. JupyterLab looks at keys on their way up; Notebook 7, and JupyterLab before 4.1,
  // on the way down, and at what has the focus before anything around it.
  const isCommand = (event) => event.ctrlKey || event.metaKey;
  function guardKeys(event) {
    const [target] = event.composedPath();
    if (!root.contains(target)) return;
    target.toggleAttribute("data-lm-suppress-shortcuts", !isCommand(event));
  }
  window.addEventListener("keydown", guardKeys, true);
  root.addEventListener("keydown", (event) => {
    if (!isCommand(event)) event.stopPropagation();
  });
  function unlessEcho(event) {
    if (!isEcho(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }
  // Pressing gives the focus, letting go acts.
  for (const kind of ["mousedown", "click"]) root.addEventListener(kind, unlessEcho, true);
  model.on("change:live", follow);
  link.on("lost", lost);
  el.append(root);
  open(names[0]);

  return () => {
    window.removeEventListener("keydown", guardKeys, true);
    model.off("change:live", follow);
    for (const { tab } of Object.values(made)) tab.close();
    link.close();
  };
}

export default { render };
