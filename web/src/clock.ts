// The server's clock, as far as what was heard of it says.

const step = 1000; // milliseconds by which our own clock may be put right without notice

// start is when this page began, by our own clock: it moves when that is moved.
const start = () => Date.now() - performance.now();

// Clock goes by the least delayed of all that it hears: whatever comes late says
// that it is earlier than it is, and so moves nothing. A fresh answer also says
// what the time cannot be any more, which shows that a clock was put back.
export class Clock {
  private ahead = -Infinity; // the server's clock minus ours, in milliseconds, at least
  private ours = start();

  // now is the server's time, in milliseconds.
  now(): number {
    return Date.now() + (this.ahead === -Infinity ? 0 : this.ahead);
  }

  // told takes in a moment that the server's clock has shown.
  told(at: number): void {
    this.check();
    this.ahead = Math.max(this.ahead, at - Date.now());
  }

  // dated takes in the Date, in whole seconds, of the answer to a question that
  // was sent at that time of ours.
  dated(date: number, sent: number): void {
    if (Number.isNaN(date)) return;
    this.check();
    if (this.ahead > date + 1000 - sent) this.ahead = -Infinity; // it is another clock, or was put back
    this.told(date);
  }

  // check forgets what was known where our own clock was moved.
  private check(): void {
    const now = start();
    if (Math.abs(now - this.ours) > step) this.ahead = -Infinity;
    this.ours = now;
  }
}
