// Keeps the view up to date while somebody sees it: not in a hidden tab, and not
// while the keyboard is in it.
'use strict';

(() => {
  const every = 15000;
  const here = document.getElementById('now');
  const stale = document.getElementById('stale');
  let timer = 0;

  async function refresh() {
    timer = 0;
    if (document.hidden) return; // visibilitychange goes on
    if (!here.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, redirect: 'error' });
        if (answer.ok) {
          const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('now');
          if (fresh) {
            gatepost.localize(fresh);
            here.replaceChildren(...fresh.childNodes);
          }
        }
        stale.textContent = answer.ok ? '' : `not up to date: gatepost answers ${answer.status}`;
      } catch {
        stale.textContent = 'not up to date: gatepost does not answer, or the session has ended';
      }
    }
    schedule();
  }

  function schedule() {
    if (timer === 0 && !document.hidden) timer = setTimeout(refresh, every);
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && timer === 0) refresh();
  });
  schedule();
})();
