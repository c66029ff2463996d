/** What readers that look for a word anywhere in a message would take for the header of that name. */
const MISREAD = "CSeq";
const INSTEAD = "C-eq";

/**
 * Letters that stand in a message and mean nothing to its reader: of one in a million the hash spells "CSeq", and some implementations,
 * SIPp among them, search a message for just that. They would take what follows for the method.
 */
export function madeUp(letters: string): string {
  return letters.includes(MISREAD) ? letters.replaceAll(MISREAD, INSTEAD) : letters;
}
