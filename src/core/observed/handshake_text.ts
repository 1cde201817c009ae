// The age of a handshake in words, by the wall clock of the moment.

/**
 * Of one in the future nobody knows the age: it is of a clock that went back.
 * @param handshakeSeconds since 1970; 0: there was none
 */
export function handshakeText(handshakeSeconds: number, nowSeconds: number): string {
  if (handshakeSeconds === 0) return "no handshake yet";
  const age = Math.round(nowSeconds - handshakeSeconds);
  return age < 0 ? "handshake before the clock went back" : `handshake ${age} s ago`;
}
