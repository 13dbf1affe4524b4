// Keeps an open page fresh, and gives it keys. Everything works without: this only saves a reload.
"use strict";
(() => {
  const id = (x) => document.getElementById(x);

  // morph makes the element a look like b, touching only what differs: focus, scrolling and open details stay.
  function morph(a, b) {
    if (a.isEqualNode(b)) return;
    if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName || (a.id || "") !== (b.id || "")) {
      a.replaceWith(document.importNode(b, true));
      return;
    }
    if (a.nodeType !== 1) {
      a.nodeValue = b.nodeValue;
      return;
    }
    for (const x of [...a.attributes]) if (!b.hasAttribute(x.name) && x.name !== "open") a.removeAttribute(x.name);
    for (const x of b.attributes) if (a.getAttribute(x.name) !== x.value) a.setAttribute(x.name, x.value);
    const known = new Map();
    for (const c of a.children) if (c.id) known.set(c.id, c);
    let at = a.firstChild;
    for (const want of [...b.childNodes]) {
      const same = want.id && known.get(want.id);
      if (same) {
        known.delete(want.id);
        if (same === at) at = at.nextSibling;
        else a.insertBefore(same, at);
        morph(same, want);
      } else if (at && !want.id && !at.id && at.nodeName === want.nodeName) {
        const next = at.nextSibling;
        morph(at, want);
        at = next;
      } else {
        a.insertBefore(document.importNode(want, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  // refresh asks for this page again and takes over what is marked as live.
  let busy = false, again = false;
  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const r = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
      if (!r.ok && r.status !== 404) {
        fresh(r.status === 401 ? "not live: open the link again" : "not live: reload to try again");
        return;
      }
      const page = new DOMParser().parseFromString(await r.text(), "text/html");
      const had = new Set([...document.querySelectorAll(".row")].map((x) => x.id));
      for (const a of document.querySelectorAll("[data-live]")) {
        const b = page.getElementById(a.id);
        if (b) morph(a, b);
      }
      const more = [...document.querySelectorAll(".row")].filter((x) => !had.has(x.id));
      for (const x of more) x.classList.add("new");
      if (more.length > 0) id("said").textContent = more.length === 1 ? "One more finding" : more.length + " more findings";
    } catch {
      fresh("not live: the console does not answer");
    } finally {
      busy = false;
      if (again) {
        again = false;
        setTimeout(refresh, 1000);
      }
    }
  }

  function fresh(text) {
    id("fresh").textContent = text;
  }

  // The stream is closed while nobody sees the page: browsers have few connections for one host.
  let stream = null, later = 0;
  function listen() {
    clearTimeout(later);
    if (stream || document.hidden || !document.querySelector("[data-stream]")) return;
    stream = new EventSource("/events");
    stream.addEventListener("hello", () => {
      fresh("live");
      refresh();
    });
    stream.addEventListener("news", refresh);
    stream.addEventListener("end", () => fresh("not live: the console has ended"));
    stream.onerror = () => {
      fresh("not live");
      if (stream.readyState === 2) {
        hush();
        later = setTimeout(listen, 30000);
      }
    };
  }
  function hush() {
    if (stream) stream.close();
    stream = null;
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("pagehide", hush);
  addEventListener("pageshow", listen);

  // Keys. They can be switched off, and are none while somebody writes.
  const dialog = id("keys"), on = id("keys-on");
  const keep = (v) => {
    try {
      if (v !== undefined) localStorage.setItem("keys", v);
      return localStorage.getItem("keys");
    } catch {
      return null;
    }
  };
  if (on) {
    on.checked = keep() !== "off";
    on.addEventListener("change", () => keep(on.checked ? "on" : "off"));
    id("keys-link").addEventListener("click", (e) => {
      e.preventDefault();
      dialog.showModal();
    });
  }
  function step(by) {
    const all = [...document.querySelectorAll(".go")];
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement);
    all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)].focus();
  }
  document.addEventListener("keydown", (e) => {
    const t = e.target;
    if (e.key === "Escape" && t.id === "search") t.blur();
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || (dialog && dialog.open)) return;
    if (t.closest("input,select,textarea,button") || (on && !on.checked)) return;
    const does = {
      j: () => step(1),
      k: () => step(-1),
      u: () => location.assign("/"),
      s: () => location.assign("/status"),
      "/": () => (id("search") ? id("search").focus() : location.assign("/")),
      "?": () => dialog && dialog.showModal(),
    }[e.key];
    if (does) {
      e.preventDefault();
      does();
    }
  });
})();
