/**
 * The links of the mesh, drawn on a canvas: there may be twenty thousand of them.
 *
 * @internal
 */
import type { LinkSummary, Picture } from "../api.ts"
import type { Frame } from "./meshFrame.ts"
import type { Place } from "./meshLayout.ts"
import { type Grade, gradeOfLink, grades } from "./trouble.ts"

/** With more links than that, those without trouble are drawn only for the node that one points at. */
export const mostCalm = 3000

interface Drawn {
  readonly link: LinkSummary
  readonly grade: Grade
  readonly isPointed: boolean
}

export interface Drawing {
  readonly links: ReadonlyArray<Drawn>
  /** Another text when another picture has to be drawn: numbers change more often than what is seen of them. */
  readonly key: string
}

const isCalm = (grade: Grade): boolean => grade === "good" || grade === "unknown"

/** Which links are drawn, and how. */
export const drawingOf = (links: Picture["links"], pointed: string | undefined): Drawing => {
  const isCrowded = links.size > mostCalm
  const drawn: Array<Drawn> = []
  let key = `${pointed ?? ""}\n`
  for (const link of links.values()) {
    const grade = gradeOfLink(link)
    const isPointed = link.a === pointed || link.b === pointed
    if (isCrowded && !isPointed && isCalm(grade)) continue
    drawn.push({ link, grade, isPointed })
    key += `${link.a}\n${link.b}\n${grade}\n`
  }
  return { links: drawn, key }
}

/** Bent towards the middle. The nearer two nodes are, the less: neighbours are linked along the ring. */
const trace = (pen: CanvasRenderingContext2D, { middle, pointOf, radius }: Frame, from: Place, to: Place): void => {
  const [a, b] = [pointOf(from), pointOf(to)]
  const pull = 1 - 0.7 * Math.min(1, Math.hypot(a.x - b.x, a.y - b.y) / (2 * radius))
  const [x, y] = [(a.x + b.x) / 2 - middle, (a.y + b.y) / 2 - middle]
  pen.moveTo(a.x, a.y)
  pen.quadraticCurveTo(middle + x * pull, middle + y * pull, b.x, b.y)
}

/** Those in trouble above the others, and above all those of the node that one points at. */
const layers = [false, true].flatMap((isPointed) => grades.map((grade) => ({ grade, isPointed })))

export const draw = (
  canvas: HTMLCanvasElement,
  { links }: Drawing,
  places: ReadonlyMap<string, Place>,
  frame: Frame
): void => {
  const pen = canvas.getContext("2d")
  if (pen === null) return
  const style = getComputedStyle(canvas)
  const scale = canvas.width / frame.size
  pen.setTransform(scale, 0, 0, scale, 0, 0)
  pen.clearRect(0, 0, frame.size, frame.size)
  for (const { grade, isPointed } of layers) {
    pen.beginPath()
    for (const drawn of links) {
      if (drawn.grade !== grade || drawn.isPointed !== isPointed) continue
      const [from, to] = [places.get(drawn.link.a), places.get(drawn.link.b)]
      if (from !== undefined && to !== undefined) trace(pen, frame, from, to)
    }
    pen.strokeStyle = style.getPropertyValue(`--${grade}`)
    // However many there are, the nodes are not hidden by a disc of one colour.
    const most = isCalm(grade) ? 0.55 : 1
    pen.globalAlpha = isPointed ? 1 : Math.max(0.2, Math.min(most, most * 400 / links.length))
    pen.lineWidth = (isPointed ? 2 : 1) * (isCalm(grade) ? 1.5 : 3)
    pen.setLineDash(grade === "slow" ? [10, 6] : grade === "bad" ? [3, 5] : [])
    pen.stroke()
  }
}
