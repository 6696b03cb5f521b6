"""Which words of tools people mean by which words of their own: a small thesaurus of this field.

`tool: plain words` leads from plain words to the word that tools use; `one = other` leads both ways. Words that belong
together are joined by `_`. Entries are general; what is special to a server comes from its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.engine.words import STOP, stems

_PART = 0.6
"""Weight of each word of a meaning that takes several words to say, against 1.0 for a meaning in one word."""

_ENTRIES = """
abandoned: left_without didn_t_check_out didn_t_buy not_finished forgot; accept: say_yes attend
access_key: credentials programmatic; account: me my login; account_info: buying_power; accounts: connected
acct = account; acknowledge: take_care seen; actions: ci workflow build; active: online running working_on
activity: happened lately history did what_happened; ad = advertisement
add: put insert include append attach enter note_down jot log record enrol put_on put_in; add: let_in stage
addr = address; address = location; administrator = admin; advisory: vulnerability; agent = assistant bot
agent: by_itself autonomously on_its_own; aggregate: sum total average per group count each by
aggregates: average hourly daily maximum; ai = llm; aircraft: plane; airline = flight; airport = flight; album = songs
alert = alarm; alert: warning notify vulnerable; alignment: centre align; allow: let_through let_in
allowed: may can permitted touch; altitude = elevation; amt = amount; analyze = inspect review
analyze: look_into root_cause cause why examine study dig_into; animal = species; answer: question; apk = android
append: end_of continue_list tack_on; applicant = candidate; application = app; apply: deploy; appointment = event
approve = accept; approve: sign_off ok accept grant agree let_in; archive = close; archive: put_away hide retire close
area = polygon; area: how_large surface; arg = argument; arp: devices; article = document
artifact: build_output zip binaries; artist = musician; asr = speech_to_text; asset = resource
asset: model free machine equipment pump turbine image picture photo; assign = allocate
assign: give put_on hand_over allocate put; assigned: mine my; assignee: responsible in_charge
association: link related; attach: upload connect mount paste enclose; attach_policy: give_access
attachment: attached pdf; attendance: who_was_there who_joined; attendee: guest; attr = attribute; audience = segment
audio = sound; audio: podcast listen read_aloud out_loud mp3 sound; audit: score check compliance who_did
auth = authentication; authn = authentication; author = writer; author: who wrote; autofix: repair
automation = workflow; automation: every_evening sunset whenever when_then; autopilot = workflow
availability = free_busy; availability: free everyone_can time_slot; available: which free can; avatar = profile_photo
average = mean; backlog: not_planned; backup = snapshot; balance: money funds how_much; balance_sheet = report
balance_sheet: assets_and_debts; bank = account; bank: account_statement; bar: compare_categories
bars: price_history chart; basket = cart; begin = start; benchmark = performance
best_practices: should recommended official how_should; bid = order; binding = link; bitcoin = crypto
blame: who_wrote who_changed line author last_changed; blind = cover; block: keep_out shut_out; blockchain = chain
blog = post; board = project; board: kanban; border = boundary; branch = ref; branch: main copy_of_database test_copy
breach = leak; breached: late missed exceeded too_late; breakpoint = debug; broker: rabbitmq message_server
btc = bitcoin; bucket = storage; bucket: storage; buffer: within_metres around radius; bug = issue; build = pipeline
build: compile make; build_run: start_app; bulk = batch; bullet_points = list; bus = transit; button = element
buy = order; buyer = customer; cache = store; cafe = restaurant; calculate = compute; calculate: work_out how_much
calendar = schedule; calendar: appointments agenda when_is_next next_race
call: ring dial phone invoke run use ring_up call_back
call_service: turn_on turn_off switch_on switch_off set_temperature lights; callees: calls called
callers: calls call used_by; camera = video; campaign = promotion
cancel: stop abort call_off end discontinue terminate quit; car = vehicle; card: saved_question question
cards: saved_question; carrier = shipping; case = ticket; catalog = assets; category = type
category: nearby shops coffee restaurant; cd = deployment; cell = block; cell: cells; centroid: middle center
cert = certificate; certificate = tls; cf = cloudflare; changelog = history; changes: whats_new new_in changelog
channel = room; channel: team_room general; chart = graph visualization; chart: graph plot visual; chat: message talk
check: status whether make_sure test; checkout: switch_branch check_out; chem: chemical molecule formula aspirin
cherry: single_commit backport; choose = select; ci = continuous_integration; citation = reference; city = town
clause = contract; clear: empty wipe flush purge reset forget unset; click = press; click: press tap push hit
clock: is_open open_now; clone: copy duplicate local_copy download; clone_voice: copy_my_voice
close: shut quit exit finish end; close_position: sell_everything sell_all; cluster = nodes; cluster: nodes
cmd = command; code = script; code: snippet python; cohort: come_back retention returning; coin = crypto
collaborators: who has_access people; collection: group; color = colour; column = field; column: list_on_board
columns: fields_of what_is_in; command: terminal shell npm install; comment = note remark reply
comment: remark say reply; comments: remarks feedback replies; commit = revision; commit: changes touched
commits: changes touched; company: studio; compare = diff; compare: versus difference; competition = contest
complete = finish close; complete: done finish tick_off check_off cross_off mark_as_done wrap_up
complete_task: check_off tick_off; completed: done finished got_done; completion = response
complexity: simpler difficult hard; compliance: security_rules follow_rules; component = element
component: button react; compose: background_music song soundtrack; compound = chemical; compute: vm vms
conditional: highlight color_if colour_if above below; conf = config; conference: call; config = setup
configure: set_up adjust; connection_string: connection_url connect_to; connectivity: reach ping online working
console: javascript errors printed log; constraints: uniqueness unique; consumer = subscriber; consumers: connected
contact: person people customer notify; contacts: people address_book; container = docker; content: text inside
content_type: kinds_of_content; contract = agreement; conversation = chat; conversions: return ads sales
convert = transform; convert: turn_into change_into translate save_as; convert_time: what_time_when
convert_to_markdown: powerpoint docx file; coordinates = location; corporate: dividend split merger
cost = spending usage; cost: expensive bill spend; count: how_many number number_of; country = nation
county = district; coupon: percent_off discount code; course = class; coverage: test_coverage tested; crash = error
crawl: all_pages following_links follow_links spider whole_site; create = add
create: make set_up start_new establish define build produce prepare compose draft spin_up; create_server: spin_up
create_workflow: build_automation; cred = credential; credential: login password
credits: acted actor cast starring who_played; creds = credentials; cron: every_night nightly; crypto = cryptocurrency
crypto: bitcoin ethereum coin; current = active; current: now right_now at_the_moment; current_time: what_time
current_url: where_are_we which_page; curtain = cover; custom = own; customer = client; daemon = service; database = db
database: tables data; datacenter = region; dataset = data; dataset: data; datastore = store database; date = day
date: today what_day when; deadline = due; deal: sale working_on; debugger = debug; deck = presentation
decline = refuse; decline: say_no not_coming cannot_attend turn_down; decompile: machine_code assembly binary
delegate: on_my_behalf assistant act_for; delete = remove
delete: get_rid_of erase discard throw_away dispose wipe drop destroy trash kill unneeded
delete: cleanup prune strip take_out take_off uninstall tear_down wipe_out clean_up
delete: clear_out throw_out take_away get_off; delete_by_query: older_than; delivery = shipment; dep = dependency
dependabot: vulnerable dependencies vulnerability; dependencies: libraries wait
dependency: wait blocked_by before_it depends cannot_start; deploy = release
deploy: ship publish put_live go_live release roll_out host push_to_production launch upload; deploy: bring_up
deployment: release rollout; dept = department; desc = description; describe = info
describe: explain tell_me_about details schema structure; description = summary; details = info
details: about exactly what_exactly; device = hardware endpoint; device: iphone android phone; dhcp: got_an_ip devices
diagram = chart; dialog: confirm_box popup alert_box
diff: changed changes difference compare changed_since uncommitted what_changed between_versions; difference = diff
digest: missed miss what_happened; dir = directory; directions = route; directions: drive how_long walk bike
directory = folder; directory: path folder where; disable = deactivate; disable: turn_off switch_off deactivate stop
disassemble: assembly machine_code; discount = coupon; discussion = thread; disease = condition; disk = volume
dismiss: clear ignore close; dispute = chargeback; dispute: contest chargeback; distance = length
distance: how_far far; dividend = corporate_action; dm = direct_message; dns: domain points_to hostname name_server
docs: how_to how_do how_does guide current_docs library; document = doc; document: word docx file entries
documentation = docs; documentation: how_to how_do how_does guide explain learn; documents: entries texts; docx = word
domain = dns; download: save export get grab pull dump to_disk; draft: not_send later unsent; drag: drop; draw = render
draw: sketch picture diagram; drawing = image; drive: onedrive files cloud_file; driver = person; dropdown = select
droplet: vm virtual_machine server; drug = medicine; due: deadline by_when overdue late; duplicate: same twice copy
duration: how_long; elevation: sea_level how_high above; embedded = iframe; embedding = vector; emoji = reaction
employee = staff; emulate: pretend simulate act_as; enable = activate; enable: turn_on switch_on activate allow
encrypt = encryption; end: hang_up; engagement: phone_call logged_call note_a_call meeting_note; eni: network_card
entities: things know everything_about; entity = node; entity: light door sensor window; entry = item
entry: article blog_post content; enum = type; environment = env stage; epic: big_story; equation = math
equity = stock; error: wrong broken failed; es = elasticsearch; estimate = forecast
estimate: how_much calculate predict; eta = arrival; etf = stock; eth = ethereum; ethereum = crypto
evaluate: run javascript execute; evaluation = test; event: appointment meeting; examples: how_to
excel: spreadsheet xlsx workbook; exception = error; execute = run; execute: run perform evaluate launch query
executions: runs failed_workflows; exercise: bench_press squat lift
expand: break_down break_into split smaller_pieces unfold subtasks details; expense = receipt; experiment = evaluation
experiment: a_or_b a_b_test which_version did_better
expire: go_away lifetime ttl hour run_out runs_out ends expires end_soon; expiring: run_out ends end_soon
exploit = vulnerability; export = download; export: dump save_as download convert_to turn_into generate
extension = addon; extract: get_out pull text pull_out; failed: broken error; failure = error; faq = help; feed = posts
fetch: open get download read load; field = property; file: document path readme; files: hang_on attached
fill: enter type input; filter = rule
filter: only matching rule restrict let_through block port automatically narrow_down
find: locate where spot which track_down; find_by_date: today this_week plate; find_text: contains word_on
firewall = rule; firewall: blocked block port; fishbone: causes cause_and_effect; fixture = schedule
flashcards: study_cards; flat = apartment; flight = plane; flight: plane aircraft airplane airline
flow: traffic process steps_of; fn = function; follower = subscriber; font = style; forecast = predict
forex = currency; fork: own_copy copy; form = input; form: fill_out; format: bold color style background font layout
former = old; formula = math; forward: pass_on redirect; forwarding: forward redirect; frame = screen
free: all_meet could_meet everyone_can; freeze: keep_header; frontend: html css; fuel = gas; func = function
function = method; function: routine subroutine; funnel: drop_out drop_off conversion steps stages_to_purchase
ga = google_analytics; game = match; gate = boarding; gcal = google_calendar; gcp = google_cloud; gdrive = google_drive
gene = dna; gene: dna; generate = create; generate: make draw create produce write think_up invent make_up come_up_with
generate_video: film_clip animation; geo = location; geocode: address coordinates street; geodetic: globe far_apart
get: show look tell_me give_me what_is display open read; gh = github; gist: snippet
glossary: term definition business_term; goods = stock; gpu = accelerator; grade = rating; graph: knowledge connection
grounding: is_it_true fact_check claim; group = team; group: cluster together by rights; gui = interface
guidance: advice which how_to; guide: how_to known_fix advice; gzip: pack compress; happiness: on_time punctual comfort
hash: fields; hashtag = tag; header: heading; heading: header; health: ok healthy up down working green
heap: memory_leak leaking leak; heating = climate; heatmap = map; heatmap: density; height = elevation
hierarchy = tree; histogram = distribution; history = activity
history: past before earlier previous changes over_time discussed conversation said last_days; hit = result
holdings = positions; holiday = vacation; hook = webhook; hot: popular talking_about; hotel = accommodation
hover: mouse_over point_at move_the_mouse; hr = employee; humidity = weather; iac = infrastructure; icon = image
identifier = id; iframe = frame; illustration = image; image: docker container; image_search: photos pictures
img = image; import = upload load; import: load bring_in ingest migrate upload; inbox = mailbox; incident = outage
incident: outage down declare; index = indices; index: similarity; inference = prediction
info: about details how_large what_is overview; information = info; ingest: load; insert: place paste
insert_row: add_row; insight: why slow; insights: why; inspection = maintenance; install: add set_up get pip npm
instance = object; instance: vm machine; instances: machines nodes servers; interact: highlight annotate
interpreter: sandbox python run_code; intersection: overlap common_area; inv = invoice; inventory = stock_level
invitation = invite; invite: add ask let_in add_colleague new_member; invoice = bill; invoice: bill charge owe unpaid
invoke = call; invoke: call run try; ip = address; ip: address; isochrone: within_minutes reachable get_to
isolate: background_noise remove_noise clean; issue: bug ticket problem; item: row task entry record login
itinerary = travel; itinerary: trip; javascript = script js; job = run; job: build run etl; jobs: builds
journal = publication; journal: bookkeeping entry; journey = travel; kb = knowledge_base; key = token; key: api_key
keys: start_with; keywords: seo rank; kind = type; kpi = metric; kubernetes = k8s; kv: key_value; labels: tags
lambda = function; lambda: serverless; language = locale; lat = latitude; latency = performance
latest = newest current; latest: newest last most_recent now new right_now; law = legal; lawsuit = case; lawyer = legal
layout = design; lb = load_balancer; lead = prospect; lead: prospect potential_customer; leaderboard = ranking
learn: how_to how_do; lease: got_an_ip; leave = absence; leave: vacation_days holiday_days days_off; ledger = journal
lesson = course; lib = library; library = dependency; light = lamp; lighthouse: score accessibility seo performance
line: over_time trend development; lineage: come_from where_from origin downstream upstream; link = address
links: following; list = enumerate; list: show which all what_are overview; llm = model; lng = longitude; loan = credit
loc = location; local: my_machine locally; local_search: opening_hours nearby; locate: where_is whereabouts
location: where place; locations: datacenters where; lock = protect door; lock: protect freeze; log: history output
log_in = login; log_out = logout; login = signin; logo = image; logs: output printed wrote what_happened; loki: logs
lon = longitude; loss = income; loss: lost_money; low: nearly_empty running_out almost_gone; luggage = baggage
macro = script; mail = email; mailbox: inbox emails; maintenance = downtime; malware = threat; manage: scale change
manager: boss supervisor reports_to; manifest: yaml; map = location chart; map: locations geographic
mappings: fields_in types_of_fields; mark: set flag tick_off label; markdown: text; matrix = table
matrix: drive how_long travel_time; md = markdown; md5 = hash; me: username my_name who_am_i my_profile; meal = food
measurement = value; measurement: weight body; media: image audio photo; medicine = compound; meeting = event
meeting: everyone_can call; member = participant; member: take_off put_on kick_out rights employee colleague
members: who has_access people belong; memories: noted know remember; memory = knowledge
memory: noted note remember know forget write_down wrote_down memorized; merge = combine
merge: combine join unite land bring_together integrate pull_in; merge_request = mr; mermaid: diagram draw
message = msg; message: text; metadata: info details last_modified properties about; metric = measurement
mgr = manager; migration: schema_change alter; milestone = goal; milestone: planned; mind: brainstorm ideas
mockup = design; model = schema; models: kinds types; money = balance; mongo = mongodb; monitor = watch
monitor: keep_an_eye watch; move = transfer; move: drag relocate shift put transfer
move_task: retry_failed dead_letter; movers: went_up gainers losers rose fell; movie = film; ms = microsoft
multiple = batch; music = song; music: song soundtrack; mute: silence quiet; my: mine assigned_to_me own
name_servers: dns_servers; nameserver = dns; namespace = group; nat: port
navigate: open go_to visit browse url website; ndvi: vegetation greenness green; nearby = local near; nearest = closest
network = vpc; network: requests backend; news = articles; newsletter = mailing; next: work_on upcoming; nft = token
nic = interface; nlp = text; note: remark write_down; notebook = document; notebook: onenote notes; notify = alert
notify: tell inform let_know; num = number; o365 = microsoft; obj = object; object = file part; object: file
observations: fact facts know; ocr = text_recognition; on_call: woken_up wake_up wakes paged gets_called
oncall: on_duty on_call duty pager; ooo = out_of_office; open: launch start view; opportunity = deal
opportunity: sales_deal; optimize: speed_up; option: call put; order = purchase; order: buy sell trade
organization: company firm organisations hierarchy reports_to who_reports boss; os = system
output: result printed prints; overdue: late missed; overview = summary; owner = assignee; owner: whose who belongs
ownership: take_over; package = library shipment parcel; padding: space margin; page: site website article wiki
page_diff: changed_between; pager = oncall; panel: chart picture; paper = study publication; paragraph: passage text
param = parameter; parcel = shipment; participant = attendee; participant: someone person; passphrase: wifi password
password = passphrase credential; password: strong login; path: where; patient = fhir person; pattern: regex
pause = suspend; pause: hold freeze suspend
payables: we_owe bills_to_pay have_to_pay still_to_pay must_pay suppliers to_be_paid; payment = transaction
payment: pay paid was_paid settle; payroll = pay; payroll: wages staff_pay; pdf = document; peer: vpn; peers: connected
people = user; percentage = percent; perf = performance; performance: slow speed paint; permission = access
permission: may allowed access right; perms = permissions; person = people; pg = postgres; photo = image; picture = pic
picture: logo image; pie: share_of proportion parts; pie_chart = pie; pin: keep_on_top; pipeline = workflow
pipeline: build ci nightly sales_process phases; pipelines: build; pit: tyres tires
pivot: summarise_by break_down_by group_by; pkg = package; place = location
place_details: opening_hours phone_number reviews; places: nearby shop restaurant coffee; plan = routine; planner: plan
plant = species; play: listen hear start; player = athlete; playlist = songs; playtest: game play; plot = chart
plugin = extension; pod: container; podcast = episode; poi: nearby shop; policy = rule
policy: permissions rules access read_only; poll = vote; popular = trending; popup = dialog; port = service
portfolio = positions; portrait = image; position: hold shares_i_have; post: publish write say send announce tell
postgresql = postgres; postmortem = incident; postpone: push_back put_off; posts: talking_about discussing
power: turn_off turn_on switch; powerpoint = presentation; ppt = presentation; pptx = presentation
prd: spec product_spec requirements; presence: busy available online away; press: hit tap push keyboard
previous: last before older; price = cost; price: cheapest cheap; prices: cost
pricing: cost_of price_of what_does_it_cost how_expensive; priority = urgency; priority: urgent important top_priority
problem = issue; process = program; producer = publisher; product = item; production = environment
productivity: how_much_did_i_do; profile = performance; profile: about bio me settings; profit = income
profit: make_money earned did_we_make; program = script routine; project = repository
project: codebase coordinate_system; projects: workspaces; prometheus: promql; promote: raise upgrade
prompt = instruction; prop = property; properties = attributes; property = attribute
property_value: reading measurement sensor; proposal = quote
protect: lock restrict nobody_should secure password prevent; protected: lock direct; protein = gene
prototype = design; prototype: signature; providers: stream watch where_to_watch; province = district; pto = time_off
publish = deploy; publish: make_public go_live release post put_online announce put_up send_out put_live make_live
pull: pr; pull_request = pr merge_request; purchase_order = order; purge: throw_away_all empty remove_all
push = notification; push: end_of add; pydantic: python_classes; qty = quantity; query = sql
query: ask run select lookup search how_many sql crunch rows; query_database: sql; query_status: is_ready ready_yet
questionnaire = form; queue = broker; queue: bandwidth limit throttle; quiz: exam questions; quote = estimate
quote: offer estimate_for; quotes: worth trading_at price_now; race = match; race_result: who_won winner
radar: strengths; rain = weather; range: cells; raster: satellite_image aerial
ratings: rotten_tomatoes imdb_score score; ratio = proportion; reaction: thumbs_up like emoji heart
read: open view look_at contents see; read_pdf: contract; reading = measurement; readme = file
realtime: right_now at_the_moment live currently; reason: why; rebase: on_top_of replay; reboot: power_cycle
receivables: owe_us owes unpaid outstanding late_payers have_not_paid not_paid; recent = latest
recent: lately last new happened; recipe = dish; recommendations: like similar suggest; record = entry
record: tape capture point_to; recording: replay tape recorded video_of_meeting; records: rows objects data
redrive: retry_failed dead_letter failed_messages; reel = video; references: used where_used usage
referencing: used where_used; refresh: reload update up_to_date renew; refund = reimbursement
refund: money_back give_back get_back send_back; region = location area; regions: datacenters where_can_i
register: sign_up; reject = decline; reject: deny decline turn_down refuse won_t not_hire not_take; related = connected
relation = relationship; relations: connection link works_at; release = version; release: version; releases: versions
remember: memory memorize; reminder = remind; reminder: remind alarm nudge; remote: push_to pull_from origin pushes_to
remove: take_off take_out kick_out throw_out cut_out wipe_out take_away take_down get_off; rename = name
rename: retitle call change_the_name new_name; render = image; render: draw show display picture
reopen: open_again unresolve; reorder: buy_again; rephrase: formal tone wording reword nicer; replace = swap substitute
replace: swap exchange overwrite swap_out wherever instead_of; replica = copy; reply = answer; reply: answer respond
report: visitors page_views analytics write_up; reports: works_under subordinates; repositories: open_source projects
repository = repo; repository: registry; request: call http; requests: calls backend sent
rerun: again retry repeat run_again; reschedule: move push_back postpone delay another_day overdue next_week
research = search; reset: undo clear start_over restart; resize: bigger smaller grow shrink enlarge; resolve = close
resolve: fixed fix solve close done settle sort_out; resource = object; respond = reply; response = answer
restart = reboot; restart: reboot again start_again; restaurant = food; restore = recover
restore: undelete bring_back recover undo get_back put_back go_back; restrictions: stop_people forbid who_can read_only
result: who_won winner outcome; resume = cv; resume: pick_up carry_on; retry = rerun
retry: again rerun try_again failed; return: send_back give_back; revenue = sales; reverse: coordinates address_at
revert: undo go_back roll_back previous take_back make_draft_again back_to_draft; review = evaluate
review: approve feedback; reviewers: ask_to_review reviewer; revoke: block cut_off ban former_employee; roi = return
role = permission; role: rights assume; rollback = revert
rollback: undo go_back previous throw_away_changes discard_changes previous_deployment; room = accommodation booking
route = path; routine = automation; row = record; rule: automatically filter
run: start execute do launch submit perform play; runbook = guide; runs: traces executions llm_calls
runtime: host_agent run_agent hosting; salary = pay; sample: ten_rows few_rows example first_rows peek; sampling: llm
sankey: flows_between; save = download; save: store keep export persist to_disk
scale: replicas bigger more scale_up scale_down; scan = check; scanning: accidentally leaked
scatter: correlation relationship_between; scenario: what_if project_revenue; scene = automation
scene: 3d cube animation; schedule = cron; schedule: plan every nightly daily weekly timer later automatically
schema = structure; schema: tables columns fields columns_of fields_of structure; scope_down: simpler easier simplify
scope_up: harder; score = rating; scrape: crawl extract collect harvest; screenshot = capture image
screenshot: screen_capture screen_grab picture; script = automation; scroll: down up; search = find
search: look_for look_up discover locate lookup google hunt browse which in_their_name with_in_name
search_web: internet; secret = credential variable; secret: api_key password leaked accidentally
security: safe leak vulnerable; segment: group; select: choose pick switch option; send = post
send: deliver tell text share_securely; sensor = device; server = host instance machine
server: vm virtual_machine cloud_server; service: turn_on turn_off lights switch control; servicing = maintenance
session: fresh login; set: change choose configure make; set_dns: name_server; setting = configure; sg = security_group
shape = geometry; shard = partition; share = invite; share: give_access invite send link let
share_link: link public_link; sheet: tab; sheet_music: tune melody; shelf = stock; shell: terminal command bash
shopper = customer; shortcut = macro; show = series; sign_in = login; sign_up = register; signature = sign
silence: mute maintenance quiet suppress; silences: mute maintenance; sim = simulator; similar = related
similar: like alike like_this; similarity: similar alike
simulate: pretend what_if would emulate dry_run would_be_allowed is_allowed; simulator = emulator; simulator: iphone
site: sharepoint intranet; size: how_big how_large big large; sizes: how_big; sla: too_late late in_time answered_late
slide: presentation slides deck; slides = presentation; slot: meet could_meet all_meet everyone_can; sms = text_message
sms: text; snapshot: state copy; snooze: later postpone; sort = order; sort: order rank arrange; source = code
sparkline: mini_chart; sparklines: tiny_charts small_charts mini_charts; spec = definition; species = taxon
speech: read_aloud out_loud narrate say read_out; speech_to_text: write_down dictation what_is_said; split = divide
split: divide separate break break_up break_down split_up; spreadsheet = sheet; sprint = cycle iteration
sprint: current_sprint; sql: database question; squash: into_one_commit; ssl = certificate; stack: infrastructure
stage = phase; stage: add_to_commit release_stage; stages: phases steps; staging = environment; standings = ranking
star: favorite like bookmark; start: begin kick_off boot launch play fresh turn_on start_up fire_up
stash: put_aside unfinished shelve for_later work_in_progress set_aside; state = status region
state: is_open is_on on_or_off; static: picture; statistics = stats metrics; stats: how_many how_much usage
status: progress how_is state is_it_done ready up changed_since uncommitted modified how_far
status: is_ready ready_yet; stay = hotel; stints: tyres tires; stock = share inventory
stop: end halt finish cut shut_down kill turn_off; story = post; stream = events; stream: events; string: text literal
strings: text literals; struct = structure; structure: everything_in; stt = speech_to_text; student = learner
style = format; style: formal tone; sub: smaller child; subdomain = domain; submission: predictions
submit: hand_in send turn_in upload enter send_in; subreddit: reddit; subscribe = follow
subscribe: sign_up follow listen notify_me get_emails opt_in; subscription = plan; subscription: monthly_plan plan
subtask: smaller part; subtitle = caption; sum = add; sum: add plus add_up; summarize: short overview gist brief sum_up
summary = recap; supplier = vendor; survey = form; swift = ios; symbol: class function method; symptom = condition
sync: up_to_date synchronize mirror bring_up_to_date refresh; table = dataset; table: grid
tables: database columns what_is_stored; tabs: tab; tag = label keyword; tag: separate_list context; task = todo
tax = vat; taxi = ride; taxonomy = taxon; tdd = test_first; team = department; team: group squad; teammate = colleague
tel = phone; telephone = phone; temp = temperature; temperature = weather; template = boilerplate
template: start_from stack infrastructure; test = check; test: try try_out check test_first
text: words content literal read; text_to_image: paint picture_of draw_me
text_to_speech: read_aloud voice_over narrate; tf = terraform; theme = style; thermostat = climate
thinking: think step_by_step reason; thread = conversation process; thread: replies under; threat = security
throttle: slow_down; throughput = performance; thumbnail = preview; ticket = issue fare; time = clock
time: when o'clock; time_off = leave; timeline = history; timesheet = hours; timesheet: hours_worked
timezone = time_zone; title = name; to_do = todo; today: this_day now; toggle: switch flip turn; token: api_key key
tone = style; tool = function; top = best; top: best highest most ten; topic = channel; topic: alerts notifications
total = sum; trace = span; trace: broken_formulas wrong_formula errors recording; track = song
track: where_is whereabouts follow; trade = order; traffic: jam congestion; train = rail
transcribe: write_down text_of speech; transcript = transcription
transcript: what_was_said what_did_they_say people_said minutes; transcription: transcript; transfer: hand move
transform: convert modify coordinate_system; transition: move_to in_progress change_status workflow_state
translate = translation; translate: into_another_language say_in spanish french german chinese italian japanese english
trash: bin throw_away garbage put_in_the_bin; tree: hierarchy structure recursive nested; treemap: proportions
trending: popular hot watching; trigger = run; trigger: start fire run when notify notify_me arrives; trip = travel
troubleshoot: fix problem why diagnose known_fix not_working fail debug does_not_work; truck = vehicle
tts = text_to_speech; turnover = revenue; tv = show; tweet = post; txn = transaction; type = fill
type: enter write text; types = structs; types: kinds sorts; ui = interface; unassign: take_off remove; undo = revert
union: together; unpublish: take_down take_offline; unread: missed miss did_i_miss; unstage: take_back
unsubscribe: unfollow stop_receiving opt_out; untrash: get_back bring_back undelete deleted
update: adjust alter set amend correct rewrite fix fill_in overwrite; update_item: change_row
upload: put send add push hand_in attach import; upload_file: choose_file; uptime = availability; uri = link
url = link uri; url: address link; usage: spend spent; user = account member; user: who person people login
user_agent: pretend iphone android; user_group: rights; user_info: who_is; users: who logins people; uuid = id
vacancy = job_opening; vacation: out_of_office auto_reply holiday away; validate = verify lint
validate: correct valid mistakes errors wellformed check lint; validate_workflow: check_flow
validation: dropdown_list restrict_input; var = variable; variable = parameter env; variant = mutation
variant: mutation harmful; vector: similar embedding nearest; verify = check; verify: confirm check; version = revision
versions: older earlier history; vid = video; video = clip; video_search: clips tutorials; videos: trailer
viewport: iphone size; virtual_machine = instance; virus = malware; vm = virtual_machine; voice = speech tone
volume: disk; vpc: network; vpn = tunnel; vulnerability = cve; wait: until pause poll; wait_for: appears
wallet = address; warehouse = inventory stock; watch = follow; watch: follow keep_an_eye
watchers: following who_follows; watchlist: keep_an_eye_on; weather = forecast; weather: temperature rain
web: internet online; webapp: web_app website; webhook: callback notify; webpage = page; website = site
wherever: replace; whoami: who_am_i my_account logged_in_as current_user; widget = component; wifi = wireless
wiki = knowledge_base; winner: better best did_better won; wireframe = design; wireguard: vpn; word: docx document
workbook = excel; worker = script; worker: edge; workflow: ci automation flow
worklog: hours_worked time_spent log_time log_hours spent_time; workout = exercise; workout: gym training
worksheet = sheet; worksheet: tab; workspace = project folder; write: save put enter fill_in fill overwrite note
xcode = ios; xlsx = excel; yt = youtube; zip: compress
"""

Term = tuple[str, ...]
"""A word as its stem, or several that belong together."""


def _terms(words: str) -> list[Term]:
    return [tuple(stems(word)) for word in words.split()]


def _pairs() -> list[tuple[Term, Term]]:
    """(what people say, what tools say) for each entry."""
    pairs: list[tuple[Term, Term]] = []
    for entry in _ENTRIES.replace("\n", ";").split(";"):
        if "=" in entry:
            one, others = entry.split("=")
            ways = [(term, other) for term in _terms(one) for other in _terms(others)]
            pairs += ways + [(other, term) for term, other in ways]
        elif ":" in entry:
            tool, plain = entry.split(":")
            pairs += [(term, target) for target in _terms(tool) for term in _terms(plain)]
    return pairs


def _read() -> Mapping[Term, Mapping[str, float]]:
    meanings: dict[Term, dict[str, float]] = {}
    for said, meant in _pairs():
        found = meanings.setdefault(said, {})
        weight = 1.0 if len(meant) == 1 else _PART
        for word in meant:
            if word not in STOP and (word,) != said:
                found[word] = max(weight, found.get(word, 0.0))
    return MappingProxyType(meanings)


MEANINGS = _read()
"""What people say → the stems that tools may use for it, each with a weight up to 1."""

LONGEST = max(map(len, MEANINGS))
"""Words in the longest phrase of `MEANINGS`."""
