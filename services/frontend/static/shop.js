// The shop works without this file. With it, watches tell the time, an order's page follows the
// order, and forms are a little kinder.
"use strict";

(() => {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  // Mechanical movements sweep in eighths of a second, the others step once a second.
  const STEPS = { automatic: 8, manual: 8, chronograph: 8 };

  function setHands(face, steps) {
    const now = new Date();
    const fraction = Math.floor((now.getMilliseconds() / 1000) * steps) / steps;
    const seconds = now.getSeconds() + (steps > 1 ? fraction : 0);
    const minutes = now.getMinutes() + seconds / 60;
    const hours = (now.getHours() % 12) + minutes / 60;
    const turn = (name, degrees) =>
      face.querySelector(name)?.setAttribute("transform", `rotate(${degrees.toFixed(2)} 100 130)`);
    turn(".hour-hand", hours * 30);
    turn(".minute-hand", minutes * 6);
    turn(".second-hand", seconds * 6);
  }

  function runClock(face) {
    const steps = STEPS[face.dataset.clock] ?? 1;
    const tick = () => {
      if (!document.hidden) setHands(face, steps);
      const pace = calm.matches ? 60000 : 1000 / steps;
      window.setTimeout(tick, pace - (Date.now() % pace));
    };
    tick();
    document.addEventListener("visibilitychange", () => setHands(face, steps));
  }

  // Empty fields would only lengthen the address. They are left out of what is sent, not touched
  // on the page: nobody tells a page that its sending was stopped.
  function tidyAddress(form) {
    form.addEventListener("formdata", ({ formData }) => {
      for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
    });
  }

  // Its key makes a form one order however often it is sent; this only spares the second trip of
  // a double click. Later the button works again, since the first trip may have been stopped.
  function sendOnce(form) {
    let last = {};
    form.addEventListener("submit", (event) => {
      const { submitter, timeStamp } = event;
      if (submitter === last.submitter && timeStamp - last.timeStamp < 1000) event.preventDefault();
      else last = { submitter, timeStamp };
    });
  }

  // The Enter key presses the first button of a form, which is not the one that orders.
  function orderByEnter(part) {
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || !event.target.matches("input")) return;
      event.preventDefault();
      part.querySelector("button").click();
    });
  }

  const pause = (milliseconds) => new Promise((done) => window.setTimeout(done, milliseconds));

  const shown = () =>
    new Promise((done) => {
      if (!document.hidden) return done();
      document.addEventListener("visibilitychange", done, { once: true });
    });

  // Parts are filled in place, so that what is typed stays, and a live region is read out.
  async function refreshParts() {
    const answer = await fetch(window.location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = (of) => [...of.querySelectorAll("[data-part]")];
    const [old, fresh] = [parts(document), parts(page)];
    const names = (list) => list.map((part) => part.dataset.part).join();
    // Another page than this one, such as a cart that is empty by now.
    if (names(old) !== names(fresh)) return window.location.reload();
    old.forEach((part, place) => part.replaceChildren(...fresh[place].childNodes));
    document.title = page.title;
    return page;
  }

  async function refreshOrder(section) {
    const page = await refreshParts();
    section.dataset.state = page.querySelector("[data-order]").dataset.state;
    if (!page.querySelector("[data-following]")) {
      section.querySelector("[data-following]")?.remove();
    }
  }

  async function followOrder(section) {
    const hint = section.querySelector("[data-following]");
    if (!hint) return;
    const usual = hint.textContent;
    let wait = 400;
    while (section.dataset.state === "accepted" || section.dataset.state === "held") {
      await pause(wait);
      await shown();
      wait = Math.min(wait * 1.5, 15000);
      try {
        const answer = await fetch(section.dataset.order, { cache: "no-store" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const order = await answer.json();
        const state = order.reason === "held" ? "held" : order.status;
        if (state !== section.dataset.state) await refreshOrder(section);
        hint.textContent = usual;
      } catch {
        hint.textContent = section.dataset.lost;
      }
    }
  }

  // Going back to a page that answered a form would ask whether to send the form again. Nothing
  // came of it, and what was typed is where it was typed.
  const { cameFrom } = document.body.dataset;
  if (cameFrom) window.history.replaceState(null, "", cameFrom);

  document.querySelectorAll("[data-clock]").forEach(runClock);
  document.querySelectorAll("[data-tidy]").forEach(tidyAddress);
  document.querySelectorAll("[data-once]").forEach(sendOnce);
  document.querySelectorAll("[data-enter]").forEach(orderByEnter);
  document.querySelectorAll("[data-order]").forEach(followOrder);
  // A page out of the browser's memory shows the cart of when it was left.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (persisted) refreshParts().catch(() => {});
  });
  document.querySelector("[data-focus]")?.focus();
})();
