/**
 * Makes a string that was joined from slices stand for itself: V8 keeps the whole parent text alive behind every slice, so
 * that what is stored beyond the message is flattened first. Reading a character does it, once.
 * @returns the same string
 */
export function flat(text: string): string {
  if (text.length > 0) text.charCodeAt(text.length - 1);
  return text;
}
