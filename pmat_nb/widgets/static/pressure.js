TABS.pressure = () => ({ element: make("div"), show() {}, close() {} });
