import { answer, type Asked } from "./layoutQueue";

/** A worker that lays out graphs, so that the page answers meanwhile. */
const scope = self as unknown as {
  onmessage: (event: MessageEvent<Asked>) => void;
  postMessage(message: unknown, transfer: ArrayBufferLike[]): void;
};

scope.onmessage = ({ data }) => {
  const { layout, transfer } = answer(data);
  scope.postMessage(layout, transfer);
};
