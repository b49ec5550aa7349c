TABS.history = () => ({ element: make("div"), show() {}, close() {} });
