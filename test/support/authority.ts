import { generate } from 'selfsigned';

const KEYS = { keyType: 'ec', algorithm: 'sha256' } as const;

export type Certificate = { readonly key: string; readonly cert: string };

/** A certificate authority, which makes certificates for loopback. Two of the same name have different keys. */
type Authority = { readonly ca: string; issue(more?: Issue): Promise<Certificate> };

type Issue = { readonly commonName?: string; readonly name?: string; readonly until?: Date };

export async function authority(): Promise<Authority> {
  const root = await generate([{ name: 'commonName', value: 'kubernetes' }], {
    ...KEYS,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true },
    ],
  });
  return {
    ca: root.cert,
    async issue({ commonName = 'kube-apiserver', name = 'localhost', until } = {}) {
      const pems = await generate([{ name: 'commonName', value: commonName }], {
        ...KEYS,
        ca: { key: root.private, cert: root.cert },
        ...(until !== undefined && { notBeforeDate: new Date(until.getTime() - 60_000), notAfterDate: until }),
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value: name }, ...(name === 'localhost' ? [LOOPBACK] : [])] },
        ],
      });
      return { key: pems.private, cert: pems.cert };
    },
  };
}

const LOOPBACK = { type: 7, ip: '127.0.0.1' } as const;
