// Renews <main> from the server while nobody is reading closely. Without this script the pages
// stay as they are until reloaded, and the waiting page renews itself by its <meta>.
"use strict";
(() => {
  const main = document.querySelector("main");
  let seconds = Number(main.dataset.refresh);
  let last = "";

  // A link to a span opens it.
  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target?.matches("details")) target.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();

  const waiting = document.querySelector("[data-waiting]");
  if (waiting) wait(Number(waiting.dataset.waiting), Number(waiting.dataset.tries));
  else if (seconds) keepFresh();

  // Asks for this page until it is there; then, or after the last try, shows what came.
  function wait(step, tries) {
    setTimeout(async () => {
      const response = await fetch(location.href, { cache: "no-store" }).catch(() => null);
      if (response?.ok) location.replace(response.url + location.hash);
      else if (tries > 1) wait(step, tries - 1);
      else location.replace(waiting.dataset.end);
    }, step * 1000);
  }

  function keepFresh() {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Renew this page by itself";
    const label = () => {
      button.textContent = paused() ? "Paused" : "Live";
      button.setAttribute("aria-pressed", String(!paused()));
    };
    button.addEventListener("click", () => {
      sessionStorage.setItem("paused", paused() ? "no" : "yes");
      label();
    });
    label();
    document.getElementById("live").append(button);
    schedule(button);
  }

  function paused() {
    return sessionStorage.getItem("paused") === "yes";
  }

  function isBeingRead() {
    return (
      document.hidden ||
      paused() ||
      !document.getSelection().isCollapsed ||
      document.activeElement?.matches("main input, main select")
    );
  }

  function schedule(button) {
    // A trace that has come to rest answers 0: nothing more is expected.
    if (seconds) setTimeout(() => renew().catch(() => {}).finally(() => schedule(button)), seconds * 1000);
    else button.remove();
  }

  async function renew() {
    if (isBeingRead()) return;
    const response = await fetch(location.href, { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const next = fresh.querySelector("main");
    if (!response.ok || !next || isBeingRead()) return;
    replace(next);
    document.querySelector("footer").replaceWith(fresh.querySelector("footer"));
  }

  function replace(next) {
    seconds = Number(next.dataset.refresh);
    if (next.innerHTML === last) return;
    last = next.innerHTML;
    const focused = document.activeElement?.closest("main details")?.id;
    const open = new Set([...main.querySelectorAll("details[open]")].map((one) => one.id));
    for (const one of next.querySelectorAll("details")) one.open = open.has(one.id);
    main.replaceChildren(...next.childNodes);
    if (focused) document.getElementById(focused)?.querySelector("summary").focus();
  }
})();
