/**
 * Makes a string that was joined from slices stand for itself: V8 keeps the whole parent text alive behind every slice, so
 * that what is stored beyond the message is flattened first. Reading a character does it, once.
 * @param text joined, and not itself a slice: that would stay one
 * @returns the same string
 */
export function flat(text: string): string {
  // Stored, as the optimizing compiler drops a read whose result nobody uses, and the flattening with it.
  if (text.length > 0) READ[0] = text.charCodeAt(text.length - 1);
  return text;
}

const READ = new Uint16Array(1);
