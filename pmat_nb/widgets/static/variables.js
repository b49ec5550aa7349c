TABS.variables = () => ({ element: make("div"), show() {}, close() {} });
