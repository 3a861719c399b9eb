/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html */
const MOST_CHARACTERS = 1_024;

/**
 * A name as the value of a CloudWatch dimension: printable ASCII, not blank, 1 to 1024 characters. Everything else in it is
 * percent-encoded, so that names that differ go on to differ; what is too long is cut.
 */
export function dimensionValue(name: string): string {
  const encoded = name.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent);
  const visible = encoded.trim() === '' ? encoded.replaceAll(' ', '%20') : encoded;
  return visible.slice(0, MOST_CHARACTERS) || 'none';
}

/** Those of these names that are called otherwise in CloudWatch, each with what it is called there. */
export function renamed(names: readonly (string | undefined)[]): { readonly name: string; readonly value: string }[] {
  return names
    .filter((name) => name !== undefined)
    .map((name) => ({ name, value: dimensionValue(name) }))
    .filter(({ name, value }) => name !== value);
}
