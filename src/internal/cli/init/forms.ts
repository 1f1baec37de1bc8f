/**
 * The forms that a project can have.
 *
 * @internal
 */

/** What each form is, and the folders that it is made of. Of a file that several have, the last one counts. */
export const forms = {
  minimal: { about: "one service under a supervisor", folders: ["minimal"] },
  service: {
    about: "a supervised service with HTTP in front, in one program",
    folders: ["minimal", "http", "service"]
  },
  workers: { about: "a pool of workers, and a front that gives them jobs", folders: ["http", "workers"] }
} as const

export type Form = keyof typeof forms
export const formNames = ["minimal", "service", "workers"] as const satisfies ReadonlyArray<Form>
