import { useState } from "preact/hooks";
import { plural, t } from "../../i18n/messages.ts";
import { BadLine, type FileFormat, read, write } from "../../model/files.ts";
import { useApp, useStore } from "../context.ts";

const TYPES: Readonly<Record<FileFormat, string>> = { jsonl: "application/jsonl", csv: "text/csv;charset=utf-8" };

/** Everything as a file, and tasks from one. Both work without a network. */
export function Files() {
  const { engine, intents } = useApp();
  const count = useStore((state) => state.order.length);
  const complete = useStore((state) => state.data.complete);
  const [said, setSaid] = useState<{ readonly text: string; readonly isError: boolean } | null>(null);

  function download(format: FileFormat) {
    const text = write(
      engine.store.state.order.map((item) => item.task),
      format,
    );
    const address = URL.createObjectURL(new Blob([text], { type: TYPES[format] }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `tasks.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000); // when the browser has surely begun
  }

  async function upload(input: HTMLInputElement) {
    const file = input.files?.[0];
    if (!file) return;
    try {
      const tasks = read(await file.text(), /\.csv$/i.test(file.name) ? "csv" : "jsonl");
      intents.upload(tasks);
      setSaid({ text: plural("uploaded", tasks.length), isError: false });
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      setSaid({ text: t("bad-line", { line: error.line }), isError: true });
    } finally {
      input.value = ""; // the same file again, when it has been mended, is a new choice
    }
  }

  return (
    <>
      <p class="row-of-buttons">
        <button type="button" class="button" aria-disabled={!complete} onClick={() => download("jsonl")}>
          {t("download", { format: "JSON Lines" })}
        </button>
        <button type="button" class="button" aria-disabled={!complete} onClick={() => download("csv")}>
          {t("download", { format: "CSV" })}
        </button>
        <span class="hint">{plural("tasks-count", count)}</span>
      </p>
      <div class="field">
        <label for="upload">{t("upload")}</label>
        <input
          id="upload"
          type="file"
          accept=".jsonl,.ndjson,.csv"
          onChange={(event) => void upload(event.currentTarget)}
        />
        <p class="hint">{t("upload-hint")}</p>
      </div>
      <p class={said?.isError ? "error" : "good"} aria-live="polite">
        {said?.text}
      </p>
    </>
  );
}
