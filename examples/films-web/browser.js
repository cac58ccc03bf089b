// A browser, as far as the web SDK knows one: a `window.localStorage`, where it keeps the session that came with the
// header X-Fallback-Cookies. (In a real browser it does so when the API is on another domain than the app, and warns
// about it on `window.console`; here nobody need be warned.)
//
// Node.js has neither a window nor a cookie jar, so this is all that the SDK needs to run in it unmodified. An app for
// the browser has no use for this file.

import { AsyncLocalStorage } from 'node:async_hooks';

const visible = new AsyncLocalStorage();

globalThis.window = {
    get localStorage() {
        return visible.getStore();
    },
    console: { warn() {} },
};

/** Each browser has a storage of its own: what runs within `browse` sees that one and no other. */
export class Browser {
    #items = new Map();

    getItem(key) {
        return this.#items.get(key) ?? null;
    }

    setItem(key, value) {
        this.#items.set(key, String(value));
    }

    browse(visit) {
        return visible.run(this, visit);
    }
}
