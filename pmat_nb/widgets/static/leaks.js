TABS.leaks = () => ({ element: make("div"), show() {}, close() {} });
