// The language of a page: German for a `langTag` that says so, and English otherwise.

/** `texts`: { en, de }. Puts the texts into every element that names one in `data-text` or `data-label`. */
export function speak(langTag, texts) {
  const language = /^de\b/i.test(langTag ?? "") ? "de" : "en";
  document.documentElement.lang = language;
  const text = texts[language];
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = text[each.dataset.text];
  for (const each of document.querySelectorAll("[data-label]")) each.ariaLabel = text[each.dataset.label];
  return { language, locale: localeOf(langTag, language), text };
}

// Dates follow the person's region: "de-at" and "en-gb" differ from "de" and "en".
function localeOf(langTag, language) {
  try {
    const [locale] = Intl.getCanonicalLocales(langTag);
    return locale.startsWith(language) ? locale : language;
  } catch {
    return language;
  }
}
