/**
 * Why a connection did not become a link, or a link ended: the tags, each with its text.
 *
 * @internal
 */

/** What went wrong, with what to do about it. Every tag has an entry in `docs/errors.md`. */
export const linkErrorTexts = {
  not_aemp: "the other side does not speak the AEMP protocol",
  version_mismatch: "the other side speaks another version of the AEMP protocol",
  malformed_greeting: "the other side sent a malformed greeting",
  line_too_long: "the other side sent a greeting line of more than 4096 bytes",
  self_connect: "the address leads back to this very node",
  duplicate_node: "another live node has this node ID: every node needs one of its own",
  same_node_id: "the other side says that it has our own node ID: every node needs one of its own",
  node_id_taken: "the other side knows another live node with our node ID: every node needs one of its own",
  already_connected: "a node with this node ID is connected already: are two processes running with one node ID?",
  crossing_connection: "both sides opened a connection at once; the other one stays",
  second_connection: "it opened one more connection, beside the one that stands",
  data_not_expected: "no data connection with this node is expected here",
  echoed_greeting: "the other side sent our own nonce back: an attack, or a mirror",
  no_common_auth: "no authentication method that both sides allow",
  tls_required:
    "we have a certificate and demand TLS, and the other side does not speak it: give it a certificate, or allow hmac_sha3_512 here",
  certificate_required:
    "the other side has a certificate and demands TLS, and we have none: give us a certificate, or let it allow hmac_sha3_512",
  tls_failed: "TLS could not be established",
  tls_no_certificate: "the other side has shown no certificate",
  tls_untrusted: "the certificate of the other side is signed by nobody whom we trust",
  tls_expired: "the certificate of the other side is not valid at this time",
  tls_wrong_node: "the certificate of the other side is not for its node ID",
  tls_refused: "the other side does not accept our certificate",
  tls_closed:
    "the other side closed the connection during the handshake over TLS: a certificate that it does not accept, or a node ID in use",
  no_common_framing: "no framing that both sides know",
  auth_not_offered: "the other side authenticated with a method that we did not offer",
  framing_not_offered: "the other side chose a framing that we did not offer",
  auth_failed: "authentication failed: do both nodes have the same secret?",
  guest_not_taken: "the guest cannot be let in now",
  ticket_expired: "the ticket of the guest has ended: it needs a new one",
  not_for_guests: "a guest asked for what guests may not do",
  guest_limit: "a guest sent more than guests may",
  handshake_timeout: "the handshake took too long",
  handshake_closed:
    "the other side closed the connection during the handshake: a wrong secret, a ticket that has ended, or a node ID in use",
  left_in_silence: "the other side left without a greeting",
  connect_failed: "cannot connect",
  listen_failed: "cannot listen on this address",
  connect_timeout: "connect timeout",
  no_known_address: "no known address",
  no_network: "this node has no transport: it reaches nobody",
  malformed_address: "not an address of the form host:port",
  bad_packet: "the other side sent something that is not a message",
  packet_too_large: "the other side sent a message over the size limit",
  unsendable: "a message that waited for this link is nothing that it can carry",
  node_left: "the other node stopped",
  ended_by_peer: "the other node ended this link",
  peer_silent: "nothing was heard of the other node for too long",
  peer_not_reading: "the other node does not read what it is sent",
  buffer_overflow: "more was sent to the other node than can wait for it",
  replaced: "the node came back with a new connection",
  link_lost: "the connection was lost",
  node_stopped: "this node stopped"
} as const

/** One tag of the catalogue. */
export type LinkErrorReason = keyof typeof linkErrorTexts

/** All tags, for documentation and tests. */
export const linkErrorReasons = Object.keys(linkErrorTexts) as ReadonlyArray<LinkErrorReason>
