/** Adds a field of this many bytes to a JSON object. Other values stay unchanged. */
export function padded(body: string, bytes: number): string {
  const end = body.lastIndexOf('}');
  if (!body.startsWith('{') || end === -1) return body;
  return `${body.slice(0, end)},"padding":"${'x'.repeat(bytes)}"${body.slice(end)}`;
}
