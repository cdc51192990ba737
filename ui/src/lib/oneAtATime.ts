/** Something that is done when it is asked for, soon, and never twice at once. */
export interface Asked {
  (): void;
  cancel: () => void;
}

/**
 * Do `act` soon after the first call, and again when it was called while it was done: what takes longer than the calls
 * are apart is finished all the same, and the last call is never lost. Between two there are `milliseconds` at least.
 */
export function oneAtATime(act: () => Promise<unknown>, milliseconds: number): Asked {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isBusy = false;
  let isWanted = false;
  const begin = (): void => {
    timer = undefined;
    isBusy = true;
    isWanted = false;
    void act().finally(() => {
      isBusy = false;
      if (isWanted) call();
    });
  };
  const call = (): void => {
    if (isBusy) isWanted = true;
    else timer ??= setTimeout(begin, milliseconds);
  };
  call.cancel = () => {
    clearTimeout(timer);
    timer = undefined;
    isWanted = false;
  };
  return call;
}
