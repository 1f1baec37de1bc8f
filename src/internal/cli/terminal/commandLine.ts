/**
 * The command line of this process, for processes that are to run it once more. It is the same program whatever that is called
 * and wherever it lies: from the sources, built, bundled, or a larger program that has `emp` as a part.
 *
 * @internal
 */

/** Node, and all that stood behind it. */
export const commandLine = (): { readonly command: string; readonly args: ReadonlyArray<string> } => ({
  command: process.execPath,
  args: [...process.execArgv, ...process.argv.slice(1)]
})
