/**
 * Certificates as text: those of a PEM blob, how long they are valid, and the names that they are for.
 *
 * @internal
 */
import * as crypto from "node:crypto"
import { printableInLine } from "../values/printable.ts"
import type { Certificate } from "./certificate.ts"

const block = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/** All certificates of a PEM blob that can be read. The first one is the node's own, the others are those that it trusts. */
export const certificatesOf = (pem: string): ReadonlyArray<Certificate> =>
  Array.from(pem.matchAll(block)).map(([text]) => {
    const certificate = new crypto.X509Certificate(text)
    return {
      subject: subjectOf(certificate),
      validFromMillis: Date.parse(certificate.validFrom),
      validToMillis: Date.parse(certificate.validTo),
      names: namesOf(certificate)
    }
  })

/** The longest subject that is shown. */
const longestSubject = 200

/** Whom a certificate is for, in one line: `CN=a, O=example`. */
export const subjectOf = (certificate: crypto.X509Certificate): string =>
  printableInLine((certificate.subject ?? "").replaceAll("\n", ", ")).slice(0, longestSubject).toWellFormed()

/**
 * `TYPE:NAME`, parted by commas. A name that could be taken for more than one is a JSON string (CVE-2021-44532). What does
 * not read like this ends the list.
 */
const alternativeName = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy

/** Kinds of alternative names that a node ID can have. */
const kinds: ReadonlySet<string | undefined> = new Set(["DNS", "URI", "IP Address"])

/** The common names of a certificate, and the alternative names of kinds that a node ID can have. */
export const namesOf = (certificate: crypto.X509Certificate): ReadonlyArray<string> => {
  const { CN: common = [] } = certificate.toLegacyObject().subject
  const others = Array.from((certificate.subjectAltName ?? "").matchAll(alternativeName))
    .filter(([, kind]) => kinds.has(kind))
    .map(([, , name = ""]) => name.startsWith("\"") ? String(JSON.parse(name)) : name)
  return [common, others].flat()
}
