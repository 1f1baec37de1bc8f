// What is typed into the search is words. To what searches, `a:b`, `-9`, `~` and `^` are commands, and some of them errors;
// a single letter is in everything.
const field = document.getElementById("tsd-search-input")
const { get, set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")
const isLong = (word) => word.length > 1
Object.defineProperty(field, "value", {
  get() {
    const words = get.call(this).split(/[-\s:~^+*\\]+/)
    return (words.some(isLong) ? words.filter(isLong) : words).join(" ")
  },
  set
})
