/**
 * The pages, as texts: in a build, what is bundled from `ui/`. From the sources there is only this page.
 *
 * @internal
 */

/** `html` is the page, which has the other two at `/app.js` and `/app.css`. */
export const assets = {
  html: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>emp web</title><link rel="stylesheet" href="/app.css"></head>
<body><p>The pages are made by the build: npm run build.</p><script src="/app.js" type="module"></script></body>
</html>
`,
  js: "",
  css: ""
}
