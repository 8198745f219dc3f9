"""Without a network, with a server that goes away, and with a session that ends: nothing typed is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.app import App
from tests.support.browser import (
    PASSWORD,
    Person,
    add,
    box,
    crowd,
    delete,
    edit,
    items,
    menu,
    new_task,
    restart,
    sent,
    shows,
)


def worker_is_ready(page: Page) -> None:
    """Wait until the page can be opened without a network."""
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")


def test_offline_add_edit_remove_reload_online(person: Person) -> None:
    """Everything works without a network, also after a reload, and reaches the server once there is one."""
    page = person.sign_up()
    add(page, "buy tea", "drink tea", "wash up")
    sent(page)
    worker_is_ready(page)
    person.offline(True)
    add(page, "made offline")
    field = edit(page, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    delete(page, "drink tea")
    box(page, "wash up").check()
    expect(page.get_by_text("Offline.")).to_be_visible()
    page.reload()
    expected = ["made offline", "wash up", "buy green tea"]
    expect(items(page)).to_have_count(3)
    shows(page, expected)
    person.offline(False)
    expect(page.get_by_text("Offline.")).to_have_count(0)
    sent(page)
    _, answer = person.ask("GET", "/tasks")
    assert [task["name"] for task in answer["tasks"]] == expected
    assert [task["done"] for task in answer["tasks"]] == [False, True, False]


def test_a_task_made_edited_and_removed_offline(person: Person) -> None:
    """A task that was made, changed and removed without a network has never been, and its undo brings it back."""
    page = person.sign_up()
    person.offline(True)
    add(page, "buy tea", "drink tea")
    field = edit(page, "buy tea")
    field.fill("buy green tea")
    field.press("Enter")
    delete(page, "buy green tea")
    page.get_by_role("button", name="Undo").click()
    delete(page, "drink tea")
    person.offline(False)
    sent(page)
    expect(page.get_by_text("Offline.")).to_have_count(0)
    _, answer = person.ask("GET", "/tasks")
    assert [task["name"] for task in answer["tasks"]] == ["buy green tea"]


def test_opens_without_a_network(person: Person) -> None:
    """The page opens in a new tab without a network, with the tasks."""
    page = person.sign_up()
    add(page, "buy tea")
    sent(page)
    worker_is_ready(page)
    person.offline(True)
    tab = person.tab()
    expect(box(tab, "buy tea")).to_be_visible()


def test_installs_as_an_app(person: Person) -> None:
    """Chromium finds nothing that stands against installing the page as an app."""
    page = person.sign_up()
    worker_is_ready(page)
    errors = person.context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in errors} <= {"in-incognito"}  # which every browser of a test is


def test_offline_is_what_our_requests_say(person: Person) -> None:
    """What a browser believes of its network does not matter while requests are answered."""
    page = person.sign_up()
    page.evaluate(
        """() => {
          Object.defineProperty(navigator, 'onLine', { get: () => false });
          window.dispatchEvent(new Event('offline'));
        }"""
    )
    add(page, "buy tea")
    sent(page)
    expect(page.get_by_text("Offline.")).to_have_count(0)


def test_logout_asks_when_something_was_not_sent(person: Person) -> None:
    """A logout that would lose what has not been sent says so first."""
    page = person.sign_up()
    person.offline(True)
    add(page, "buy tea")
    menu(page, "Log out")
    unsent = page.get_by_text("1 change has not reached the server yet and would be lost.")
    expect(unsent).to_be_visible()
    page.keyboard.press("Escape")
    menu(page, "Log out")
    expect(unsent).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Log out anyway")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_logout_goes_by_itself_when_all_was_sent(person: Person) -> None:
    """Who logs out a moment after a change is not asked twice; who leaves the menu meanwhile stays."""
    page = person.sign_up()
    for stays in (True, False):
        person.offline(True)
        add(page, "buy tea" if stays else "drink tea")
        menu(page, "Log out")
        expect(page.get_by_role("button", name="Log out anyway")).to_be_visible()
        if stays:
            page.keyboard.press("Escape")
        person.offline(False)
        if stays:
            sent(page)
            expect(box(page, "buy tea")).to_be_visible()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    shows(person.log_in(person.username), ["drink tea", "buy tea"])


def test_what_is_typed_outlives_a_reload(person: Person) -> None:
    """A new task that was not added, and an edit that was not saved, are there after a reload."""
    page = person.sign_up()
    add(page, "buy tea")
    new_task(page).fill("not yet add")
    edit(page, "buy tea").fill("not yet saved")
    page.reload()
    expect(new_task(page)).to_have_value("not yet add")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("not yet saved")


def test_a_session_that_ends_while_somebody_types(person: Person) -> None:
    """A session that ran out asks for the password over what is on the screen, which stays and goes on."""
    page = person.sign_up()
    add(page, "buy tea")
    sent(page)
    field = edit(page, "buy tea")
    field.fill("buy green te")
    person.allowed = ("Failed to load resource",)
    person.ask("DELETE", "/session")
    dialog = page.get_by_role("dialog", name="Please log in again")
    expect(dialog).to_be_visible()
    expect(field).to_have_value("buy green te")
    dialog.get_by_label("Password").fill("wrong, very wrong")
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog.get_by_text("Username or password is wrong.")).to_be_visible()
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    field.press("End")
    field.press_sequentially("a")
    field.press("Enter")
    sent(page)
    expect(box(page, "buy green tea")).to_be_visible()


def test_a_session_that_ended_while_the_page_was_closed(person: Person) -> None:
    """The list is there at once, and so is the question for the password; what waited is sent after it."""
    page = person.sign_up()
    add(page, "buy tea")
    sent(page)
    person.allowed = ("Failed to load resource",)
    person.context.clear_cookies()
    page.reload()
    dialog = page.get_by_role("dialog", name="Please log in again")
    expect(dialog).to_be_visible()
    shows(page, ["buy tea"])
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    add(page, "drink tea")
    sent(page)
    assert person.ask("GET", "/tasks")[0] == 200


def test_the_server_is_killed_while_it_writes(chromium: Browser, app: App) -> None:
    """A server that is killed and started again loses nothing that was typed, and has nothing twice."""
    with crowd(chromium, app.url) as people:
        person = people.person()
        page = person.sign_up()
        person.allowed = ("Failed to load resource",)
        for index in range(10):
            add(page, f"task {index}")
            if index == 4:
                app.kill()
        expect(page.get_by_text("Offline.")).to_be_visible()
        restart(app)
        sent(page)
        _, answer = person.ask("GET", "/tasks")
        assert [task["name"] for task in answer["tasks"]] == [f"task {index}" for index in reversed(range(10))]


@pytest.mark.parametrize("lost", [1, 2])
def test_an_answer_that_is_lost(person: Person, lost: int) -> None:
    """A request whose answer is lost is repeated with its key, and makes nothing twice."""
    page = person.sign_up()
    person.allowed = ("Failed to load resource",)
    left = [lost]

    def lose(route) -> None:  # type: ignore[no-untyped-def]
        if route.request.method in ("POST", "PATCH") and left[0] > 0:
            left[0] -= 1
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/tasks**", lose)
    add(page, "buy tea")
    box(page, "buy tea").check()
    sent(page)
    assert left == [0]
    _, answer = person.ask("GET", "/tasks")
    assert [(task["name"], task["done"]) for task in answer["tasks"]] == [("buy tea", True)]
    shows(page, ["buy tea"])


def test_what_the_server_refuses(person: Person) -> None:
    """What the server will not take is shown with its reason, and can be discarded; the rest goes on."""
    page = person.sign_up()
    person.allowed = ("Failed to load resource",)
    problem = '{"type": "/problems/invalid", "title": "A field is wrong", "status": 422, "detail": "not this one"}'

    def refuse(route) -> None:  # type: ignore[no-untyped-def]
        if "bad" in (route.request.post_data or ""):
            route.fulfill(status=422, content_type="application/problem+json", body=problem)
        else:
            route.continue_()

    page.route("**/api/v1/tasks**", refuse)
    add(page, "bad task", "good task")
    question = page.get_by_role("group", name="bad task needs a decision")
    expect(question).to_contain_text("not this one")
    question.get_by_role("button", name="Discard the change").click()
    expect(items(page)).to_have_count(1)
    sent(page)
    _, answer = person.ask("GET", "/tasks")
    assert [task["name"] for task in answer["tasks"]] == ["good task"]


def test_a_server_that_is_busy(person: Person) -> None:
    """An answer of 503 is "busy", not "offline"; what was done waits, and goes out later."""
    page = person.sign_up()
    person.allowed = ("Failed to load resource",)
    page.route("**/api/v1/tasks**", lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}"))
    add(page, "buy tea")
    expect(page.get_by_text("The server cannot answer at the moment.")).to_be_visible()
    expect(page.get_by_text("1 change waits.")).to_be_visible()
    page.unroute("**/api/v1/tasks**")
    sent(page)
    expect(page.get_by_text("The server cannot answer at the moment.")).to_have_count(0)


@pytest.mark.parametrize("asked_for", [None, "60", "0", "-1", "31536000"])
def test_pauses_hold(person: Person, asked_for: str | None) -> None:
    """What cannot be sent, for want of a network or of a server with time, is not tried again at once.

    @param asked_for: the seconds that the server asks for; None: there is no network.
    """
    page = person.sign_up()
    person.allowed = ("Failed to load resource",)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    if asked_for is None:
        person.offline(True)
    else:
        headers = {"Retry-After": asked_for}
        page.route("**/api/v1/tasks**", lambda route: route.fulfill(status=503, headers=headers, body="{}"))
    add(page, "buy tea")
    expect(page.get_by_text("1 change waits.")).to_be_visible()
    menu(page, "Log out")
    expect(page.get_by_role("button", name="Log out anyway")).to_be_visible()
    page.wait_for_timeout(3000)
    assert 1 <= len(posts) < 10  # without pauses it is hundreds
