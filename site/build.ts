/**
 * The site of the documentation: TypeDoc, told what our pages are and what stands behind the names of the faces.
 */
import { fileURLToPath } from "node:url"
import { Application, LogLevel, TSConfigReader } from "typedoc"
import { showWhatIsBehind, unexported } from "./behind.ts"
import { linkCode } from "./codeLinks.ts"
import { readMarkdown } from "./markdown.ts"
import { describeModules } from "./modules.ts"
import { addPages, languagesOf } from "./pages.ts"
import { SiteRouter } from "./router.ts"
import { indexSections } from "./searchIndex.ts"
import { writeSignatures } from "./signatures.ts"
import { SiteTheme } from "./theme.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const faces = new Map(
  ["Port", "Node", "Transport", "Global", "Supervisor", "Rpc", "Cluster", "TestNetwork", "Cli"]
    .map((face) => [face, `${root}src/${face}.ts`])
)

/** Writes the site. Whether it could: any warning counts as an error, and is written to the terminal. */
export const build = async (out: string): Promise<boolean> => {
  const app = await Application.bootstrap({
    name: "effect-mp",
    entryPoints: [...faces.values()],
    tsconfig: `${root}tsconfig.json`,
    // `npm run check` does that, with the compiler that the project has chosen.
    skipErrorChecking: true,
    readme: `${root}README.md`,
    router: "site",
    theme: "site",
    customCss: `${root}site/site.css`,
    customJs: `${root}site/site.js`,
    favicon: `${root}site/favicon.svg`,
    html: out,
    disableSources: true,
    excludeInternal: true,
    excludeExternals: true,
    includeHierarchySummary: false,
    hideGenerator: true,
    githubPages: false,
    sort: ["source-order"],
    sortEntryPoints: false,
    categorizeByGroup: false,
    categoryOrder: ["constructors", "layers", "*", "services", "models", "schemas", "errors", unexported],
    headings: { readme: false, document: true },
    searchInComments: true,
    searchInDocuments: true,
    useFirstParagraphOfCommentAsSummary: true,
    notRenderedTags: ["@category", "@since"],
    blockTags: ["@category", "@see", "@since", "@returns", "@param"],
    visibilityFilters: {},
    highlightLanguages: languagesOf(root),
    lightHighlightTheme: "github-light-high-contrast",
    darkHighlightTheme: "github-dark-high-contrast",
    markdownItLoader: readMarkdown,
    validation: {
      notExported: true,
      invalidLink: true,
      rewrittenLink: true,
      notDocumented: false,
      unusedMergeModuleWith: true
    },
    treatWarningsAsErrors: true,
    logLevel: LogLevel.Info
  }, [new TSConfigReader()])
  app.renderer.defineRouter("site", SiteRouter)
  app.renderer.defineTheme("site", SiteTheme)
  addPages(app, root)
  showWhatIsBehind(app, root, faces)
  describeModules(app, faces)
  writeSignatures(app)
  linkCode(app)
  indexSections(app, `${root}README.md`)
  console.log("reading sources and pages ...")
  const project = await app.convert()
  if (project === undefined) return false
  app.validate(project)
  console.log("writing the site ...")
  await app.generateOutputs(project)
  return !app.logger.hasErrors() && !app.logger.hasWarnings()
}
