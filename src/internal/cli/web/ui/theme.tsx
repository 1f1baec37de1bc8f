/**
 * Light or dark: as the system has it, unless somebody chose.
 *
 * @internal
 */
import { makeStore, useStore } from "./store.ts"

const themes = ["auto", "light", "dark"] as const
type Theme = (typeof themes)[number]

/** A browser may not let a page keep anything: then the choice lasts as long as the page. */
const kept = (): Theme => {
  try {
    return themes.find((theme) => theme === localStorage.getItem("theme")) ?? "auto"
  } catch {
    return "auto"
  }
}

const show = (theme: Theme): void => {
  document.documentElement.dataset["theme"] = theme
}

const theme = makeStore<Theme>(kept())
show(theme.get())

const systemTheme = matchMedia("(prefers-color-scheme: dark)")
const isSystemDark = makeStore(systemTheme.matches)
systemTheme.addEventListener("change", () => isSystemDark.set(systemTheme.matches))

/** Another text when the page has other colours: for what is drawn by hand. */
export const useColours = (): string => {
  const chosen = useStore(theme, (value) => value)
  const isDark = useStore(isSystemDark, (value) => value)
  return chosen === "auto" ? isDark ? "dark" : "light" : chosen
}

const choose = (next: Theme): void => {
  show(next)
  try {
    localStorage.setItem("theme", next)
  } catch {
    // It lasts as long as the page.
  }
  theme.set(next)
}

const labels: Readonly<Record<Theme, string>> = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }

export const ThemeChoice = () => {
  const current = useStore(theme, (value) => value)
  const next = themes[(themes.indexOf(current) + 1) % themes.length] ?? "auto"
  return (
    <button
      type="button"
      class="theme"
      onClick={() => choose(next)}
      aria-label={`Colours: ${current}. Change to ${next}`}
    >
      {labels[current]}
    </button>
  )
}
