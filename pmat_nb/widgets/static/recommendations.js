TABS.recommendations = () => ({ element: make("div"), show() {}, close() {} });
