// Small comforts of the farmer's pages; every page works without them.
// Newest values come in by themselves, a form is sent once, and a lost connection is said.
(function () {
  "use strict";
  var words = document.body.dataset;
  var offline = document.getElementById("offline");

  function connected(yes) {
    offline.textContent = yes ? "" : words.offline;
    offline.hidden = yes;
  }
  window.addEventListener("offline", function () { connected(false); });
  window.addEventListener("online", function () { connected(true); refresh(); });

  var form = document.querySelector("form[data-once]");
  if (form) {
    form.addEventListener("submit", function (event) {
      var button = form.querySelector("button.wide");
      if (button.getAttribute("aria-disabled")) {
        event.preventDefault();
        return;
      }
      button.setAttribute("aria-disabled", "true");
      form.querySelector(".sending").textContent = words.sending;
    });
    // A page that comes back from the browser's memory can be sent again: its key makes that harmless.
    window.addEventListener("pageshow", function (event) {
      if (event.persisted) {
        form.querySelector("button.wide").removeAttribute("aria-disabled");
        form.querySelector(".sending").textContent = "";
      }
    });
  }
  var errors = document.getElementById("errors");
  if (errors) errors.focus();

  var live = document.getElementById("live");
  var loaded = Date.now();
  function refresh() {
    if (!live || document.hidden || live.contains(document.activeElement) || Date.now() - loaded < 5000) return;
    loaded = Date.now();
    fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } })
      .then(function (answer) {
        if (!answer.ok || answer.redirected) throw new Error("signed out");
        return answer.text();
      })
      .then(function (html) {
        var fresh = new DOMParser().parseFromString(html, "text/html").getElementById("live");
        if (fresh && !live.contains(document.activeElement)) {
          live.replaceWith(fresh);
          live = fresh;
        }
        connected(true);
      })
      .catch(function () { connected(false); });
  }
  if (live) {
    setInterval(refresh, Number(live.dataset.refresh) * 1000);
    document.addEventListener("visibilitychange", refresh);
  }
})();
