// Shortcuts, as the bottom of each page lists them, and forms that leave empty
// fields out of the address.
'use strict';

(() => {
  let going = false; // g was pressed

  const rows = () => [...document.querySelectorAll('main a.open')].filter((a) => a.offsetParent !== null);

  function move(by) {
    const list = rows();
    if (list.length === 0) return;
    const here = document.activeElement?.closest('tr, article')?.querySelector('a.open');
    const at = list.indexOf(here);
    const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + by, 0), list.length - 1);
    list[next].focus();
    list[next].scrollIntoView({ block: 'nearest' });
  }

  function press(key) {
    if (going) {
      going = false;
      document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`)?.click();
      return true;
    }
    switch (key) {
      case '/': {
        const search = document.getElementById('search');
        search?.focus();
        search?.select();
        return true;
      }
      case 'j': move(1); return true;
      case 'k': move(-1); return true;
      case 'g': going = true; return true;
      case 'p': document.getElementById('pause')?.click(); return true;
      case '?': {
        const help = document.getElementById('keys');
        if (!help) return false;
        help.open = true;
        help.scrollIntoView({ block: 'end' });
        help.querySelector('summary').focus();
        return true;
      }
    }
    return false;
  }

  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Escape') {
      document.activeElement?.blur();
      going = false;
      return;
    }
    if (e.target.closest?.('input, select, textarea')) return;
    if (press(e.key)) e.preventDefault();
  });

  for (const form of document.querySelectorAll('form[data-clean]')) {
    form.addEventListener('formdata', (e) => {
      for (const [name, value] of [...e.formData]) if (value.trim() === '') e.formData.delete(name);
    });
  }
})();
