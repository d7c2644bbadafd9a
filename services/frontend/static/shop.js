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

  // Empty fields would only lengthen the address.
  function tidyAddress(form) {
    const fields = () => form.querySelectorAll("input[name], select[name]");
    form.addEventListener("submit", () => {
      for (const field of fields()) field.disabled = field.value === "";
    });
    window.addEventListener("pageshow", () => {
      for (const field of fields()) field.disabled = false;
    });
  }

  // Its key makes a form one order however often it is sent; this only spares the second trip.
  function sendOnce(form) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
      form.classList.add("sending");
    });
    window.addEventListener("pageshow", () => {
      sent = false;
      form.classList.remove("sending");
    });
  }

  const pause = (milliseconds) => new Promise((done) => window.setTimeout(done, milliseconds));

  const shown = () =>
    new Promise((done) => {
      if (!document.hidden) return done();
      document.addEventListener("visibilitychange", done, { once: true });
    });

  // Parts are filled in place, so that the live region stays the same and is read out.
  async function refreshOrder(section) {
    const answer = await fetch(window.location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-order]");
    for (const part of section.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      part.replaceChildren(...next.childNodes);
    }
    document.title = page.title;
    section.dataset.state = fresh.dataset.state;
    if (!fresh.querySelector("[data-following]")) {
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

  document.querySelectorAll("[data-clock]").forEach(runClock);
  document.querySelectorAll("[data-tidy]").forEach(tidyAddress);
  document.querySelectorAll("[data-once]").forEach(sendOnce);
  document.querySelectorAll("[data-order]").forEach(followOrder);
  document.querySelector("[data-focus]")?.focus();
})();
