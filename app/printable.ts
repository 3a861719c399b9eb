/** Control characters move the cursor of a terminal, format characters turn text around, and both hide what is said. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/**
 * Text of somebody else as it may stand in a message: on one line, with nothing in it that a terminal obeys, and cut when it is long.
 * @param most letters of the result, without the mark that it was cut
 */
export function printable(text: string, most = 500): string {
  // Cut first: a page of a megabyte need not be cleaned. Cleaning can only make it shorter.
  const head = text.length > most ? text.slice(0, most) : text;
  const clean = head.replace(UNPRINTABLE, ' ').trim();
  return head === text ? clean : `${clean}…`;
}
