/** What is to be fast, apart from comparisons: a figure, and what it may be at most. */
export interface Goal {
  readonly name: string
  /** `x`: how many times as much. */
  readonly unit: "ms" | "s" | "x"
  readonly atMost: number
  readonly measure: () => Promise<number>
}

/** Milliseconds that something takes. */
export const millisOf = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}
