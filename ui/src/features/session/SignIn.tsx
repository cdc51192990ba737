import { getRouteApi, useRouter } from "@tanstack/react-router";
import { type SubmitEvent, useEffect, useState } from "react";

import { useSignIn } from "@/api/session";
import { Trouble } from "@/components/Notices";
import { TabPanel, Tabs } from "@/components/ui/tabs";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/input";
import { localAddress } from "@/features/session/back";

const route = getRouteApi("/sign-in");

/** A server that wants to know who asks: by user and password, or by an API key. */
export function SignIn() {
  const { back, ended } = route.useSearch();
  const router = useRouter();
  const signIn = useSignIn();
  const [how, setHow] = useState("password");
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [key, setKey] = useState("");

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    signIn.mutate(how === "key" ? { key: key.trim() } : { user: user.trim(), password }, {
      onSuccess: () => router.history.push(localAddress(back)),
    });
  };
  useEffect(() => {
    document.title = "Sign in · Levada";
  }, []);
  const ready = how === "key" ? key.trim() !== "" : password !== "";
  return (
    <main className="flex min-h-full items-center justify-center bg-canvas p-4">
      <form
        onSubmit={submit}
        className="w-full max-w-sm space-y-4 rounded-xl border border-line bg-surface p-6 shadow-sm"
      >
        <div className="flex items-center gap-2.5">
          <img src="/favicon.svg" alt="" width={28} height={28} />
          <h1 className="text-lg font-semibold">Sign in to Levada</h1>
        </div>
        {ended === true && (
          <p className="rounded-md bg-accent-soft px-3 py-2 text-sm">
            Your session has ended. Sign in to go on where you were.
          </p>
        )}
        <Tabs
          label="How to sign in"
          value={how}
          onChange={(value) => {
            signIn.reset();
            setHow(value);
          }}
          tabs={[
            { value: "password", label: "Password" },
            { value: "key", label: "API key" },
          ]}
        >
          <TabPanel value="password">
            <div className="space-y-3">
              <Field label="User">
                {(ids) => (
                  <Input
                    {...ids}
                    autoComplete="username"
                    value={user}
                    onChange={(e) => setUser(e.target.value)}
                  />
                )}
              </Field>
              <Field label="Password">
                {(ids) => (
                  <Input
                    {...ids}
                    type="password"
                    autoComplete="current-password"
                    value={password}
                    onChange={(e) => setPassword(e.target.value)}
                  />
                )}
              </Field>
            </div>
          </TabPanel>
          <TabPanel value="key">
            <Field label="API key" hint="Make one with: levada server api-key create NAME">
              {(ids) => (
                <Input
                  {...ids}
                  type="password"
                  autoComplete="off"
                  className="font-mono"
                  value={key}
                  onChange={(e) => setKey(e.target.value)}
                />
              )}
            </Field>
          </TabPanel>
        </Tabs>
        <div className="-mx-4">{signIn.error !== null && <Trouble problem={signIn.error} />}</div>
        <Button type="submit" look="primary" className="w-full" disabled={!ready || signIn.isPending}>
          {signIn.isPending ? "Signing in …" : "Sign in"}
        </Button>
      </form>
    </main>
  );
}
