/** Recorded between two Perl nodes with the secret `testsecret`; `a` dialled. */
export const recorded = {
  json: {
    a: {
      nodeId: "a",
      greeting:
        "aemp;1;a;tls_sha3_512,hmac_sha3_512,tls_anon,cleartext;json;mproto=1;peeraddr=127.0.0.1:14401;gproto=1;provider=AE-2.01",
      nonce: "3gH38tI/bNMaSqeCk8I//huBuUCyhFwNF1ZFArmIdps3CMfRhJFmMcPvc8EHex4Uy6s82p3GDztXuTNVsd6+HK22",
      auth:
        "hmac_sha3_512;a300a130fdfa7f0915b2a69294371a06f53ef090b12f6856889ab6109a9e76752806bbdf47b681144c1519d458bbd22f722cf2b520514e1a134543f075de45dd;json"
    },
    b: {
      nodeId: "seed",
      greeting:
        "aemp;1;seed;tls_sha3_512,hmac_sha3_512,tls_anon,cleartext;json;provider=AE-2.01;mproto=1;gproto=1;peeraddr=127.0.0.1:45458",
      nonce: "noJZpD1BNRpq9X6vmqXbie9uD2iymsn9wAuvMhWRMbn1FOkIHtXfPHOVO7p1F32U7uADeFFpgRe1sQTuYTiLL89F",
      auth:
        "hmac_sha3_512;20b3d3279630e0872cc826e8ed4c4e2c5f2953efa101b91040be1887c35e97049d9196023e706bd02db4aedf549c0d9b47ae91b92a9def6e37cc2cd0eaa6a304;json"
    }
  },
  cbor: {
    a: {
      nodeId: "a",
      greeting:
        "aemp;1;a;tls_sha3_512,hmac_sha3_512,tls_anon,cleartext;cbor;peeraddr=127.0.0.1:14421;gproto=1;mproto=1;provider=AE-2.01",
      nonce: "yxvHt61pYspemAdmHvUfSe+ya9cuICb6BciR4i6vZl8eT+nrU0vSQLRQqHLUTWmvwJRnvI3HvDm7LxXAAz2V6Me5",
      auth:
        "hmac_sha3_512;38907172ca9a3c01a3f53cf702452e3d53ee92a83eac6cc0821ed5eb1bccbd5895b0d5cf9df1c87a5712afcd2aca544c1637666b7763f65d8bf059d22b4052fd;cbor"
    },
    b: {
      nodeId: "seed",
      greeting:
        "aemp;1;seed;tls_sha3_512,hmac_sha3_512,tls_anon,cleartext;cbor;provider=AE-2.01;mproto=1;gproto=1;peeraddr=127.0.0.1:49018",
      nonce: "f/1/39bbvCmTmYeLMODEhSEOq4bZN1xREkgsrswRcRS4c72SyRlJ0YDnMDO6xupZXO0OGOcjMA7xK8b0vZBVuygJ",
      auth:
        "hmac_sha3_512;6762669fff3271dca9397ba34a7d19d4928fbbaa7fae34682ea0bd318bdf26c045f632e10496dd83c533cd1e2c15a9085bed4b26404b34e88b7e0e66d50cae43;cbor"
    }
  }
}
