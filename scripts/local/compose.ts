import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { parse } from 'yaml';

const FILE = new URL('../../docker-compose.yml', import.meta.url);

const Service = v.looseObject({
  image: v.string(),
  build: v.looseObject({ target: v.string() }),
  environment: v.record(v.string(), v.string()),
  ports: v.optional(v.array(v.string()), []),
});
const Compose = v.looseObject({ services: v.object({ aws: Service, drainer: Service }) });

export type Services = v.InferOutput<typeof Compose>['services'];

/**
 * Reads docker-compose.yml as `docker compose` does, so that its values need no copy in this script.
 * @param environment the variables for `${NAME:-default}`
 */
export async function readCompose(environment: Readonly<Record<string, string | undefined>>): Promise<Services> {
  const text = await readFile(FILE, 'utf8');
  return v.parse(Compose, parse(interpolate(text, environment))).services;
}

/** The file uses only `${NAME:-default}` of https://docs.docker.com/reference/compose-file/interpolation/ */
export function interpolate(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  return text.replaceAll(
    /\$\{([A-Z_]+):-([^}]*)\}/g,
    (_, name: string, fallback: string) => environment[name] || fallback,
  );
}

/** The URL of the first published port of a service, on this machine. */
export function publishedAt({ ports }: Services['aws']): string {
  const published = /^(127\.0\.0\.1:\d+):\d+$/.exec(ports[0] ?? '')?.[1];
  if (published === undefined) throw new Error(`docker-compose.yml publishes no port on 127.0.0.1: ${ports[0]}`);
  return `http://${published}`;
}
